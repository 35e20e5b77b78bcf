// What a good configuration file becomes, and how the faults of a bad one are reported together.
import { describe, expect, it } from "vitest";
import { defaultTimeoutsMs } from "../model/configuration.ts";
import { optionsOf, schedulers } from "../model/scheduler.ts";
import { service } from "../../test/faults.ts";
import { ConfigurationError } from "./fault.ts";
import { isBuilt } from "../model/built.ts";
import type { VirtualService } from "../model/virtual-service.ts";
import { parseConfiguration } from "./parse-configuration.ts";

const good = `
director:
  interfaces: [eth0]
  timeouts: { tcp: 1h, udp: 90s }
services:
  web:
    address: 198.51.100.10
    port: 80
    scheduler: wrr
    forwarding: nat
    servers:
      - { address: 10.0.0.11, weight: 2 }
      - { address: 10.0.0.12, port: 8080, weight: 0 }
      - { address: 10.0.0.13, forwarding: dr }
  dns: { address: 198.51.100.10, port: 53, protocol: udp, forwarding: dr, servers: [{ address: 10.0.0.11 }] }
`;

/** The text of all faults of a file, or "" if it is good. */
function faultsOf(text: string): string {
  try {
    const { warnings } = parseConfiguration(text, "y.yaml");
    return warnings.map((fault) => `${fault.line}:${fault.column} ${fault.severity} ${fault.message}`).join("\n");
  } catch (error) {
    if (!(error instanceof ConfigurationError)) throw error;
    return error.message;
  }
}

describe("a good file", () => {
  it("becomes a configuration with its defaults filled in", () => {
    expect(parseConfiguration(good, "y.yaml")).toMatchInlineSnapshot(`
      {
        "configuration": {
          "director": {
            "answersPerSecond": 1000,
            "compatibility": "none",
            "connections": {
              "maximum": 1048576,
            },
            "dropOneOf": 0,
            "hook": "auto",
            "interfaces": [
              "eth0",
            ],
            "localityMs": {
              "lblc": 86400000,
              "lblcr": 86400000,
            },
            "mssClamp": "auto",
            "natIcmpSend": false,
            "onRemoval": "drop",
            "pathMtuDiscovery": true,
            "pingVip": true,
            "portReuse": "ended",
            "quiescedTemplates": "keep",
            "scheduleIcmp": false,
            "secureTcp": false,
            "sloppyTcp": false,
            "timeoutsMs": {
              "close": 10000,
              "closeWait": 60000,
              "lastAck": 30000,
              "listen": 120000,
              "none": 2000,
              "synAck": 120000,
              "synRecv": 60000,
              "synSent": 120000,
              "tcp": 3600000,
              "tcpFin": 120000,
              "timeWait": 120000,
              "udp": 90000,
            },
          },
          "services": [
            {
              "caps": {
                "halfOpen": 0,
                "newPerSecond": 0,
              },
              "forwarding": "nat",
              "match": {
                "address": "198.51.100.10",
                "kind": "exact",
                "port": 80,
                "protocol": "tcp",
              },
              "name": "web",
              "onePacket": false,
              "persistence": undefined,
              "scheduler": "wrr",
              "schedulerOptions": [],
              "servers": [
                {
                  "address": "10.0.0.11",
                  "forwarding": "nat",
                  "lowerThreshold": 0,
                  "port": 80,
                  "upperThreshold": 0,
                  "weight": 2,
                },
                {
                  "address": "10.0.0.12",
                  "forwarding": "nat",
                  "lowerThreshold": 0,
                  "port": 8080,
                  "upperThreshold": 0,
                  "weight": 0,
                },
                {
                  "address": "10.0.0.13",
                  "forwarding": "dr",
                  "lowerThreshold": 0,
                  "port": 80,
                  "upperThreshold": 0,
                  "weight": 1,
                },
              ],
              "tableSize": undefined,
            },
            {
              "caps": {
                "halfOpen": 0,
                "newPerSecond": 0,
              },
              "forwarding": "dr",
              "match": {
                "address": "198.51.100.10",
                "kind": "exact",
                "port": 53,
                "protocol": "udp",
              },
              "name": "dns",
              "onePacket": false,
              "persistence": undefined,
              "scheduler": "wlc",
              "schedulerOptions": [],
              "servers": [
                {
                  "address": "10.0.0.11",
                  "forwarding": "dr",
                  "lowerThreshold": 0,
                  "port": 53,
                  "upperThreshold": 0,
                  "weight": 1,
                },
              ],
              "tableSize": undefined,
            },
          ],
        },
        "warnings": [],
      }
    `);
  });

  it("may use anchors, aliases and merge keys", () => {
    const text = `
services:
  web: &web
    address: 198.51.100.10
    port: 80
    forwarding: dr
    servers: [{ address: 10.0.0.11 }]
  alt:
    <<: *web
    port: 81
`;
    const { configuration } = parseConfiguration(text, "y.yaml");
    const [web, alt] = configuration.services;
    const match = { kind: "exact", address: "198.51.100.10", port: 81, protocol: "tcp" };
    expect(alt).toEqual({ ...web, name: "alt", match, servers: [{ ...web?.servers[0], port: 81 }] });
  });

  const servicesOf = (text: string) => parseConfiguration(text, "y.yaml").configuration.services;

  it("may match packets by prefixes, several ports and marks, in both families", () => {
    const rest = "forwarding: dr, servers: []";
    const [one, ...others] = servicesOf(`
director:
  marks:
    - { mark: 7, address: "2001:db8::/32", port: 80, protocol: tcp }
    - { mark: 7, address: 10.0.0.0/8 }
services:
  one: { address: 198.51.100.10/32, port: 80, ${rest} }
  list: { address: 198.51.100.10, port: [8080, 443, 8000-8079, 444], ${rest} }
  any: { addresses: ["2001:DB8:0:0::/64", "2001:db8:1::1"], port: any, protocol: udp, ${rest} }
  marked: { mark: 7, forwarding: dr, servers: [{ address: 10.0.0.11 }] }
  sixth: { mark: 7, forwarding: dr, servers: [{ address: "2001:db8::0011" }] }
`);
    expect(one?.match).toEqual({ kind: "exact", address: "198.51.100.10", port: 80, protocol: "tcp" });
    expect(others.map(({ match }) => match)).toEqual([
      {
        ...{ kind: "wide", prefixes: ["198.51.100.10/32"], protocol: "tcp" },
        ports: [
          { first: 443, last: 444 },
          { first: 8000, last: 8080 },
        ],
      },
      { kind: "wide", prefixes: ["2001:db8::/64", "2001:db8:1::1/128"], ports: "any", protocol: "udp" },
      { kind: "mark", mark: 7, rules: [{ prefix: "10.0.0.0/8", ports: "any", protocols: ["tcp", "udp"] }] },
      {
        ...{ kind: "mark", mark: 7 },
        rules: [{ prefix: "2001:db8::/32", ports: [{ first: 80, last: 80 }], protocols: ["tcp"] }],
      },
    ]);
    expect(others.at(-1)?.servers).toMatchObject([{ address: "2001:db8::11", port: 0 }]);
  });

  it("leaves servers the port that clients write to, where there are several", () => {
    const ports = (port: string, server = "") =>
      servicesOf(service(`port: ${port}, forwarding: nat`, `[{ address: 10.0.0.11${server} }]`))[0]?.servers[0]?.port;
    expect([ports("80"), ports("[80]"), ports("[80, 443]"), ports("any"), ports("any", ", port: 8080")]).toEqual([
      80, 80, 0, 0, 8080,
    ]);
  });

  it("may say persistence in a word, or with a netmask", () => {
    const persistence = (text: string, address = "198.51.100.10") =>
      servicesOf(service(`persistence: ${text}, address: "${address}"`, "[]"))[0]?.persistence;
    expect(
      [
        persistence("5m"),
        persistence("{ timeout: 90s }"),
        persistence("{ netmask: 24 }"),
        persistence("{ netmask: 255.255.240.0 }"),
        persistence("5m", "2001:db8::1"),
        persistence("{ netmask: 64 }", "2001:db8::1"),
      ].map((each) => [each?.timeoutMs, each?.maskBits]),
    ).toEqual([
      [300_000, 32],
      [90_000, 32],
      [360_000, 24],
      [360_000, 20],
      [300_000, 128],
      [360_000, 64],
    ]);
  });

  it("gives mh a large table, and IPVS's own where that is wished", () => {
    const size = (entries: string, director = "{}") =>
      servicesOf(`director: ${director}\n${service(entries)}`)[0]?.tableSize;
    expect([
      size("scheduler: mh"),
      size("scheduler: mh", "{ compatibility: ipvs }"),
      size("scheduler: mh, tableSize: 251", "{ compatibility: ipvs }"),
      size("scheduler: wlc"),
    ]).toEqual([65_537, undefined, 251, undefined]);
  });

  it.each(schedulers.map((name) => [name, optionsOf(name)] as const))(
    "scheduler %s takes its options: %j",
    (name, known) => {
      const [read] = servicesOf(service(`scheduler: ${name}, schedulerOptions: [${known.join(", ")}]`));
      expect(read?.schedulerOptions).toEqual(known);
    },
  );

  it("says everything that the director can be told", () => {
    const text = `
director:
  compatibility: ipvs
  onRemoval: reschedule
  quiescedTemplates: leave
  portReuse: closing
  sloppyTcp: true
  secureTcp: true
  scheduleIcmp: true
  natIcmpSend: true
  dropPackets: { oneOf: 10 }
  answersPerSecond: 5
  pathMtuDiscovery: false
  localAddresses: [10.0.0.5]
  timeouts: { synRecv: 10s, lblcr: 1h }
  connections: { maximum: 1000 }
services: {}
`;
    expect(parseConfiguration(text, "y.yaml").configuration.director).toEqual({
      ...{ interfaces: undefined, hook: "auto", compatibility: "ipvs", connections: { maximum: 1000 } },
      ...{
        onRemoval: "reschedule",
        quiescedTemplates: "leave",
        portReuse: "closing",
        sloppyTcp: true,
        secureTcp: true,
      },
      ...{ mssClamp: "off", scheduleIcmp: true, natIcmpSend: true, pingVip: false, pathMtuDiscovery: false },
      ...{ dropOneOf: 10, answersPerSecond: 5, localityMs: { lblc: 86_400_000, lblcr: 3_600_000 } },
      timeoutsMs: { ...defaultTimeoutsMs, synRecv: 10_000 },
    });
  });

  it("has full NAT send from the service's own addresses, else the director's, and says how servers are told", () => {
    const rest = "forwarding: fullnat, servers: [{ address: 192.0.2.1 }]";
    const text = `director: { localAddresses: [10.0.0.5, 10.0.0.4/30, "fd00::1-fd00::2"] }
services:
  usual: { address: 10.1.0.1, port: 80, ${rest} }
  own: { address: 10.1.0.2, port: 80, localAddresses: [10.0.1.9], clientAddress: none, ${rest} }
  datagrams: { address: 10.1.0.1, port: 53, protocol: udp, ${rest} }
  others: { address: 10.1.0.3, port: 80, forwarding: nat, servers: [{ address: 192.0.2.1 }] }
`;
    const { services } = parseConfiguration(text, "y.yaml").configuration;
    const usual = ["10.0.0.5", "10.0.0.4", "10.0.0.6", "10.0.0.7", "fd00::1", "fd00::2"];
    expect(services.map(({ localAddresses }) => localAddresses)).toEqual([usual, ["10.0.1.9"], usual, undefined]);
    const told = isBuilt("clientAddress") ? "toa" : "none";
    const ways = services.map(({ servers }) => servers.map(({ clientAddress }) => clientAddress));
    expect(ways).toEqual([[told], ["none"], ["none"], [undefined]]);
  });

  it("says how tunnels wrap, for all servers or for one, which may be of the other family", () => {
    const text = `services:
  plain: { address: 10.1.0.1, port: 80, forwarding: tun, servers: [{ address: 192.0.2.1 }] }
  web:
    address: 10.1.0.2
    port: 80
    forwarding: tun
    encapsulation: { gue: { checksum: true } }
    servers:
      - { address: 192.0.2.1 }
      - { address: 192.0.2.2, encapsulation: gue }
      - { address: 192.0.2.3, encapsulation: { gre: { checksum: true } } }
      - { address: "2001:db8::1", encapsulation: gre }
      - { address: 192.0.2.4, encapsulation: { gue: { port: 5555 } } }
      - { address: 192.0.2.5, forwarding: dr }
`;
    const [plain, web] = parseConfiguration(text, "y.yaml").configuration.services;
    const wrapped = (service: VirtualService | undefined) => service?.servers.map(({ encapsulation }) => encapsulation);
    expect(wrapped(plain)).toEqual([{ kind: "ipip" }]);
    expect(wrapped(web)).toEqual([
      { kind: "gue", port: 6080, checksum: true },
      { kind: "gue", port: 6080, checksum: false },
      { kind: "gre", checksum: true },
      { kind: "gre", checksum: false },
      { kind: "gue", port: 5555, checksum: false },
      undefined,
    ]);
  });

  it("may have prefixes that overlap, and any port beside named ones", () => {
    const rest = "forwarding: dr, servers: [{ address: 192.0.2.1 }]";
    const text = `services:
  narrow: { address: 10.1.0.0/16, port: 80, ${rest} }
  wide: { address: 10.0.0.0/8, port: 80, ${rest} }
  others: { address: 10.0.0.0/8, port: any, ${rest} }
  udp: { address: 10.0.0.0/8, port: 80, protocol: udp, ${rest} }
`;
    expect(faultsOf(text)).toBe("");
  });

  it("is warned about more servers than a Maglev table is good for", () => {
    const servers = Array.from({ length: 21 }, (_, index) => `{ address: 10.0.0.${index + 1} }`).join(", ");
    expect(faultsOf(service("scheduler: mh", `[${servers}]`))).toBe(
      "2:84 warning 21 servers are many for 65537 slots: when one leaves, more clients move than need to",
    );
    expect(faultsOf(service("scheduler: mh, tableSize: 131071", `[${servers}]`))).toBe("");
  });

  it("is warned about a service without servers", () => {
    expect(faultsOf(service("", "[]"))).toMatchInlineSnapshot(
      `"2:69 warning service "web" has no servers: nobody answers its clients"`,
    );
  });
});

describe("a file with several faults", () => {
  it("reports all of them at once, in their order, as a compiler would", () => {
    const text = `services:
  web:
    address: 198.51.100.300
    port: 70000
    scheduler: wlcc
    forwarding: dr
    servers:
      - { address: 10.0.0.11, weight: -2 }
  api:
    address: 198.51.100.11
    port: 80
    forwarding: dr
    servers:
      - { address: 10.0.0.11, port: 8080 }
  again:
    address: 198.51.100.11
    port: 80
    forwarding: dr
    servers: []
`;
    expect(faultsOf(text)).toMatchInlineSnapshot(`
      "y.yaml:3:14: error: "198.51.100.300" is no address and no prefix
          3 |     address: 198.51.100.300
            |              ^
            = the address or prefix that clients connect to, such as 198.51.100.10, 10.0.0.0/8 or 2001:db8::10
      y.yaml:4:11: error: port 70000 is outside 1–65535
          4 |     port: 70000
            |           ^
            = ports: a number (1–65535), a list such as [80, 443], a range such as 8000-8999, or any
      y.yaml:5:16: error: unknown scheduler "wlcc"
          5 |     scheduler: wlcc
            |                ^
            = did you mean "wlc"? schedulers: rr, wrr, lc, wlc, lblc, lblcr, dh, sh, sed, nq, mh, fo, ovf or twos
      y.yaml:8:39: error: weight -2 is outside 0–65535
          8 |       - { address: 10.0.0.11, weight: -2 }
            |                                       ^
            = a weight is a number, 0–65535; 0 takes no new connections
      y.yaml:14:37: error: dr cannot map port 80 to 8080: it changes nothing but the MAC address
         14 |       - { address: 10.0.0.11, port: 8080 }
            |                                     ^
            = remove the port (the server then listens on 80), or use forwarding: nat or fullnat
      y.yaml:15:3: error: service "again" claims tcp 198.51.100.11 port 80, which service "api" on line 9 has
         15 |   again:
            |   ^
            = put their servers into one service, or change one's address, port or protocol
      y.yaml:19:14: warning: service "again" has no servers: nobody answers its clients
         19 |     servers: []
            |              ^
            = add servers, or remove the service"
    `);
  });
});
