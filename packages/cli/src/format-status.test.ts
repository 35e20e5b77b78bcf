// What `yardmaster status` and `yardmaster connections` print.
import type { DirectorStatus, Hint, ServiceStatus } from "@yardmaster/director/api";
import { expect, it } from "vitest";
import { formatConnections } from "./commands/connections.ts";
import { formatRates } from "./format-rates.ts";
import { formatStatus } from "./format-status.ts";
import { formatElapsed } from "./table.ts";

const counters = {
  activeConnections: 12,
  inactiveConnections: 3,
  persistentClients: 2,
  connections: 123,
  packetsIn: 98_765,
  bytesIn: 1_234_567,
};
const back = { packetsOut: 8_765, bytesOut: 1_234_567 };

/** Of services and servers that use nothing special. */
const plain = { schedulerOptions: [], onePacket: false, caps: { newPerSecond: 0, halfOpen: 0 } } as const;
const unlimited = { upperThreshold: 0, lowerThreshold: 0, overloaded: false } as const;

const rule = { prefix: "2001:db8::/32", ports: "any", protocols: ["tcp", "udp"] } as const;

const status: DirectorStatus = {
  version: "0.1.0",
  pid: 4242,
  startedAtMs: 1_700_000_000_000,
  configurationFile: "/etc/yardmaster.yaml",
  hooks: [
    { interfaceName: "eth0", mode: "native", programId: 17 },
    { interfaceName: "eth1", mode: "generic", programId: 17 },
  ],
  services: [
    {
      ...{ name: "web", match: { kind: "exact", address: "198.51.100.10", port: 80, protocol: "tcp" } },
      ...{ matchText: "tcp 198.51.100.10:80", scheduler: "wlc", forwarding: "nat", ...plain },
      ...counters,
      ...back,
      servers: [
        { ...{ address: "10.0.0.11", port: 8080, weight: 2, forwarding: "nat" }, ...unlimited, ...counters, ...back },
        { ...{ address: "10.0.0.12", port: 80, weight: 0, forwarding: "dr" }, ...unlimited, ...counters },
      ],
    },
    {
      ...{ name: "dns", match: { kind: "exact", address: "198.51.100.10", port: 53, protocol: "udp" } },
      ...{ matchText: "udp 198.51.100.10:53", scheduler: "rr", forwarding: "dr", ...plain },
      ...counters,
      servers: [],
    },
  ],
  verdicts: [
    { verdict: "pass", reason: "no service", packets: 1_234 },
    { verdict: "drop", reason: "no destination", packets: 5 },
    { verdict: "drop", reason: "table full", packets: 0 },
  ],
  hints: [],
  connectionTable: { entries: 15, maximum: 1_048_576, memoryBytes: 1_950 },
};

it("says which change made the configuration what it is, and that it is not confirmed", () => {
  const nowMs = 1_700_000_192_000;
  const lastChange = { cause: "PUT /v1/configuration", atMs: nowMs - 12_000 };
  const changed = { ...status, lastChange, unconfirmed: { untilMs: nowMs + 48_000 } };
  const inside = { ...status, instance: { name: "inside", directory: "/sys/fs/bpf/yardmaster/inside" } };
  expect(formatStatus(inside, nowMs)).toMatch(/^yardmaster 0\.1\.0, instance inside, pid 4242, up /);
  expect(formatStatus(changed, nowMs).split("\n").slice(1, 4)).toEqual([
    "configuration  /etc/yardmaster.yaml",
    "last change    PUT /v1/configuration, 12s ago",
    "not confirmed  taken back in 48s without `yardmaster confirm`",
  ]);
});

it("shows services, servers and both directions where the method has two", () => {
  expect(`\n${formatStatus(status, 1_700_000_192_000)}\n`).toMatchInlineSnapshot(`
    "
    yardmaster 0.1.0, pid 4242, up 3m 12s
    configuration  /etc/yardmaster.yaml
    attached to    eth0 (native XDP, program 17), eth1 (generic XDP, program 17)
    connections    15 of 1,048,576 entries, 1,950 bytes

    SERVICE / SERVER              METHOD  WEIGHT  ACTIVE  INACTIVE  TOTAL  PACKETS IN   BYTES IN  PACKETS OUT  BYTES OUT
    web tcp 198.51.100.10:80 wlc  nat                 12         3    123      98,765  1,234,567        8,765  1,234,567
      -> 10.0.0.11:8080           nat          2      12         3    123      98,765  1,234,567        8,765  1,234,567
      -> 10.0.0.12:80             dr           0      12         3    123      98,765  1,234,567            -          -
    dns udp 198.51.100.10:53 rr   dr                  12         3    123      98,765  1,234,567            -          -

    NOT FORWARDED  REASON          PACKETS
    pass           no service        1,234
    drop           no destination        5
    "
  `);
});

it("shows what services use: thresholds, persistence, options, caps, IPv6", () => {
  const service: ServiceStatus = {
    ...{ name: "shop", match: { kind: "mark", mark: 7, rules: [rule] }, matchText: "mark 7" },
    ...{ scheduler: "sh", schedulerOptions: ["sh-port", "sh-fallback"], forwarding: "dr", onePacket: false },
    persistence: { timeoutMs: 300_000, maskBits: 64 },
    caps: { newPerSecond: 1_000, halfOpen: 0 },
    ...counters,
    servers: [
      {
        ...{
          address: "2001:db8::11",
          port: 0,
          weight: 2,
          forwarding: "dr",
          upperThreshold: 1_000,
          lowerThreshold: 750,
        },
        ...{ ...counters, overloaded: true },
      },
      { ...{ address: "2001:db8::12", port: 0, weight: 1, forwarding: "dr" }, ...unlimited, ...counters },
    ],
  };
  const packets: ServiceStatus = {
    ...{ name: "log", match: { kind: "exact", address: "2001:db8::1", port: 514, protocol: "udp" } },
    ...{ matchText: "udp [2001:db8::1]:514", scheduler: "rr", forwarding: "dr", ...plain },
    ...{ onePacket: true, caps: { newPerSecond: 0, halfOpen: 50 } },
    ...counters,
    servers: [],
  };
  const shown = { ...status, services: [service, packets], verdicts: [] };
  // What all services have is shown above: the columns up to TOTAL are enough here.
  const [, table = ""] = formatStatus(shown, 1_700_000_192_000).split("\n\n");
  const lines = table.split("\n").map((line) => line.slice(0, table.indexOf("PACKETS")).trimEnd());
  expect(`\n${lines.join("\n")}\n`).toMatchInlineSnapshot(`
    "
    SERVICE / SERVER                              METHOD  WEIGHT  THRESHOLDS            ACTIVE  INACTIVE  CLIENTS  TOTAL
    shop mark 7 sh (sh-port,sh-fallback)          dr                                        12         3        2    123
         persistent 300s/64, 1,000 new/s at most
      -> [2001:db8::11]:0                         dr           2  1,000/750 overloaded      12         3        2    123
      -> [2001:db8::12]:0                         dr           1  -                         12         3        2    123
    log udp [2001:db8::1]:514 rr                  dr                                        12         3        -    123
         one-packet, 50 half-open at most
    "
  `);
});

it("shows a director without services", () => {
  const idle = { ...status, services: [], verdicts: [], hooks: [] };
  expect(`\n${formatStatus(idle, 1_700_000_000_400)}\n`).toMatchInlineSnapshot(`
    "
    yardmaster 0.1.0, pid 4242, up 400ms
    configuration  /etc/yardmaster.yaml
    attached to    nothing
    connections    15 of 1,048,576 entries, 1,950 bytes
    "
  `);
});

it("shows connections", () => {
  const row = { client: "203.0.113.7:4242", virtual: "198.51.100.10:80", destination: "10.0.0.11:80", service: "web" };
  const bound = { client: "[2001:db8::]:0", virtual: "mark 7", destination: "[2001:db8::11]:0", controls: 3 };
  const rows = [
    { kind: "connection", protocol: "tcp", state: "ESTABLISHED", expiresInMs: 899_000, ...row },
    { kind: "connection", protocol: "udp", state: "UDP", expiresInMs: 120, ...row, client: "203.0.113.70:53124" },
    { kind: "template", protocol: "any", state: "ASSURED", expiresInMs: 300_000, ...row, ...bound },
  ] as const;
  expect(`\n${formatConnections(rows)}\n`).toMatchInlineSnapshot(`
    "
    PROTOCOL  STATE        EXPIRES IN  CLIENT              VIRTUAL           DESTINATION       SERVICE
    tcp       ESTABLISHED     14m 59s  203.0.113.7:4242    198.51.100.10:80  10.0.0.11:80      web
    udp       UDP               120ms  203.0.113.70:53124  198.51.100.10:80  10.0.0.11:80      web
    any       ASSURED           5m 0s  [2001:db8::]:0      mark 7            [2001:db8::11]:0  web
    "
  `);
});

it("writes times as people read them", () => {
  expect([-5, 0, 999, 1_000, 59_999, 192_000, 7_260_000, 360_000_000].map(formatElapsed)).toMatchInlineSnapshot(`
    [
      "0ms",
      "0ms",
      "999ms",
      "1s",
      "59s",
      "3m 12s",
      "2h 1m",
      "4d 4h",
    ]
  `);
});

it("shows how packets are wrapped, and what probably keeps a server from working", () => {
  const [web] = status.services;
  if (web === undefined) throw new Error("the status has a service");
  const server = { port: 80, weight: 1, forwarding: "dr", ...unlimited, ...counters } as const;
  const servers = [
    { ...server, address: "10.0.0.11", encapsulation: { kind: "gue", port: 6080, checksum: true } },
    { ...server, address: "10.0.0.12", encapsulation: { kind: "ipip" } },
    { ...server, address: "10.0.0.13", clientAddress: "toa" },
    { ...server, address: "10.0.0.14", clientAddress: "none" },
  ] as const;
  const hint: Hint = {
    ...{ severity: "warning", code: "YM_STATUS_NO_REPLIES", service: "web", server: "10.0.0.11:80" },
    ...{ message: "nat sends packets to 10.0.0.11:80, and none comes back", evidence: "120 packets in, 0 out" },
    hint: "on the server: ip route replace default via 10.0.0.1",
  };
  const told = { ...status, services: [{ ...web, servers }], verdicts: [], hints: [hint] };
  const [, table = "", hints = ""] = formatStatus(told, 1_700_000_192_000).split("\n\n");
  const methods = table.split("\n").map((line) => line.slice(30, 45).trim());
  expect(methods).toEqual(["METHOD", "nat", "dr (gue:6080+c)", "dr (ipip)", "dr (toa)", "dr"]);
  expect(`\n${hints}\n`).toMatchInlineSnapshot(`
    "
    HINTS
    warning: web -> 10.0.0.11:80: nat sends packets to 10.0.0.11:80, and none comes back
      seen: 120 packets in, 0 out
      do: on the server: ip route replace default via 10.0.0.1
    "
  `);
});

it("shows of whose clients servers were not told, where there are any", () => {
  const [web] = status.services;
  const [server] = web?.servers ?? [];
  if (web === undefined || server === undefined) expect.fail("there is a server");
  const table = (counts: readonly number[]) => {
    const servers = counts.map((clientsUntold) => ({ ...server, clientsUntold }));
    return formatStatus({ ...status, services: [{ ...web, servers: [...servers, server] }] }, 0).split("\n\n")[1] ?? "";
  };
  expect(table([0])).not.toContain("UNTOLD");
  const [heading = "", , ...lines] = table([0, 1234]).split("\n");
  const end = heading.indexOf("UNTOLD") + "UNTOLD".length;
  expect(lines.map((line) => line.slice(end - 6, end).trim())).toEqual(["0", "1,234", "-"]);
});

it("shows rates with LVS's columns, and a dash before anything was measured", () => {
  const perSecond = { connections: 250, packetsIn: 1_200, packetsOut: 0, bytesIn: 1_000_000, bytesOut: 7 };
  const [first] = status.services;
  if (first === undefined) expect.fail("there is a service");
  const [server] = first.servers;
  if (server === undefined) expect.fail("there is a server");
  const lines = formatRates([{ ...first, perSecond, servers: [server] }]).split("\n");
  expect(lines[0]?.split(/\s{2,}/)).toEqual(["SERVICE / SERVER", "CPS", "InPPS", "OutPPS", "InBPS", "OutBPS"]);
  expect(lines[1]).toMatch(/^web tcp 198\.51\.100\.10:80 wlc +250 +1,200 +0 +1,000,000 +7$/);
  expect(lines[2]).toMatch(/^ {2}-> 10\.0\.0\.11:\d+ +- +- +- +- +-$/);
});
