// What `yardmaster status` and `yardmaster connections` print.
import type { DirectorStatus } from "@yardmaster/director/api";
import { expect, it } from "vitest";
import { formatConnections } from "./commands/connections.ts";
import { formatStatus } from "./format-status.ts";
import { formatElapsed } from "./table.ts";

const counters = {
  activeConnections: 12,
  inactiveConnections: 3,
  connections: 123,
  packetsIn: 98_765,
  bytesIn: 1_234_567,
};
const back = { packetsOut: 8_765, bytesOut: 1_234_567 };

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
      ...{ name: "web", address: "198.51.100.10", port: 80, protocol: "tcp", scheduler: "wlc", forwarding: "nat" },
      ...counters,
      ...back,
      servers: [
        { address: "10.0.0.11", port: 8080, weight: 2, forwarding: "nat", ...counters, ...back },
        { address: "10.0.0.12", port: 80, weight: 0, forwarding: "dr", ...counters },
      ],
    },
    {
      ...{ name: "dns", address: "198.51.100.10", port: 53, protocol: "udp", scheduler: "rr", forwarding: "dr" },
      ...counters,
      servers: [],
    },
  ],
  verdicts: [
    { verdict: "pass", reason: "no service", packets: 1_234 },
    { verdict: "drop", reason: "no destination", packets: 5 },
    { verdict: "drop", reason: "table full", packets: 0 },
  ],
  connectionTable: { entries: 15, maximum: 1_048_576, memoryBytes: 1_950 },
};

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
  const rows = [
    { protocol: "tcp", state: "ESTABLISHED", expiresInMs: 899_000, ...row },
    { protocol: "udp", state: "UDP", expiresInMs: 120, ...row, client: "203.0.113.70:53124" },
  ] as const;
  expect(`\n${formatConnections(rows)}\n`).toMatchInlineSnapshot(`
    "
    PROTOCOL  STATE        EXPIRES IN  CLIENT              VIRTUAL           DESTINATION   SERVICE
    tcp       ESTABLISHED     14m 59s  203.0.113.7:4242    198.51.100.10:80  10.0.0.11:80  web
    udp       UDP               120ms  203.0.113.70:53124  198.51.100.10:80  10.0.0.11:80  web
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
