// What a good configuration file becomes, and how the faults of a bad one are reported together.
import { describe, expect, it } from "vitest";
import { ConfigurationError } from "./fault.ts";
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

/** A file with one service whose flow map holds these entries beside good ones. */
function service(entries: string, servers = "[{ address: 10.0.0.11 }]"): string {
  const rest = ["address: 198.51.100.10", "port: 80", "forwarding: dr"].filter((entry) => {
    const key = entry.slice(0, entry.indexOf(":") + 1);
    return !entries.startsWith(key) && !entries.includes(`, ${key}`);
  });
  const own = entries === "" ? [] : [entries];
  return `services:\n  web: { ${[...own, ...rest, `servers: ${servers}`].join(", ")} }\n`;
}

describe("a good file", () => {
  it("becomes a configuration with its defaults filled in", () => {
    expect(parseConfiguration(good, "y.yaml")).toMatchInlineSnapshot(`
      {
        "configuration": {
          "director": {
            "compatibility": "none",
            "connections": {
              "maximum": 1048576,
            },
            "hook": "auto",
            "interfaces": [
              "eth0",
            ],
            "timeouts": {
              "tcpFinMs": 120000,
              "tcpMs": 3600000,
              "udpMs": 90000,
            },
          },
          "services": [
            {
              "address": "198.51.100.10",
              "forwarding": "nat",
              "name": "web",
              "port": 80,
              "protocol": "tcp",
              "scheduler": "wrr",
              "servers": [
                {
                  "address": "10.0.0.11",
                  "forwarding": "nat",
                  "port": 80,
                  "weight": 2,
                },
                {
                  "address": "10.0.0.12",
                  "forwarding": "nat",
                  "port": 8080,
                  "weight": 0,
                },
                {
                  "address": "10.0.0.13",
                  "forwarding": "dr",
                  "port": 80,
                  "weight": 1,
                },
              ],
            },
            {
              "address": "198.51.100.10",
              "forwarding": "dr",
              "name": "dns",
              "port": 53,
              "protocol": "udp",
              "scheduler": "wlc",
              "servers": [
                {
                  "address": "10.0.0.11",
                  "forwarding": "dr",
                  "port": 53,
                  "weight": 1,
                },
              ],
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
    expect(alt).toEqual({ ...web, name: "alt", port: 81, servers: [{ ...web?.servers[0], port: 81 }] });
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
      "y.yaml:3:14: error: "198.51.100.300" is no IPv4 address
          3 |     address: 198.51.100.300
            |              ^
            = the IPv4 address that clients connect to, such as 198.51.100.10
      y.yaml:4:11: error: port 70000 is outside 1–65535
          4 |     port: 70000
            |           ^
            = a port is a number, 1–65535
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
            = remove the port (the server then listens on 80), or use forwarding: nat
      y.yaml:15:3: error: service "again" is the same as "api" on line 9: tcp 198.51.100.11:80
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
