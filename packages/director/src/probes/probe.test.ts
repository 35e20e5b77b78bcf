// What a check through the data plane is for each method and kind of service: where its packets come from and go to.
import { describe, expect, test } from "vitest";
import { servicesOf } from "../../test/health/check-bench.ts";
import { chooseNetworks, probeAddress } from "./probe-network.ts";
import { probeRecord } from "./probe-record.ts";
import { probesOf } from "./probe.ts";

const ground = {
  address: "198.18.0.16",
  sourceTowards: (address: string) => (address.includes(":") ? "fd00::1" : "10.0.0.1"),
  ownAddresses: () => ["198.51.100.10", "10.0.0.1", "fd00::1"],
};
const web = (rest: string, address = "198.51.100.10", server = "{ address: 10.0.0.11 }") =>
  `services:\n  web: { address: "${address}", ${rest}, servers: [${server}] }\n`;
const only = (text: string) => {
  const [probe, ...more] = probesOf(servicesOf(text)).values();
  expect(more).toEqual([]);
  return probe;
};
/** Who the server sees, and what it is asked for: the last word of addresses and the port. */
function seen(text: string) {
  const probe = only(text);
  const record = probe && probeRecord(probe, ground);
  const dotted = (words: readonly number[]) =>
    words.length === 1 ? [24, 16, 8, 0].map((bits) => ((words[0] ?? 0) >>> bits) & 0xff).join(".") : words.at(-1);
  return record && `${dotted(record.source)} > ${dotted(record.destination)}:${record.port}`;
}

describe("a check through the data plane", () => {
  test.each([
    ["nat", "port: 80, forwarding: nat, check: tcp", "198.18.0.16 > 10.0.0.11:80"],
    ["dr", "port: 80, forwarding: dr, check: tcp", "10.0.0.1 > 198.51.100.10:80"],
    ["tun", "port: 80, forwarding: tun, check: tcp", "10.0.0.1 > 198.51.100.10:80"],
    ["fullnat", "port: 80, forwarding: fullnat, localAddresses: [10.0.0.5], check: tcp", "10.0.0.5 > 10.0.0.11:80"],
    ["nat, another port", "port: 80, forwarding: nat, check: { tcp: {}, port: 81 }", "198.18.0.16 > 10.0.0.11:81"],
    ["dr, another port", "port: 80, forwarding: dr, check: { tcp: {}, port: 81 }", "10.0.0.1 > 198.51.100.10:81"],
    ["all ports", "port: any, forwarding: dr, check: { tcp: {}, port: 81 }", "10.0.0.1 > 198.51.100.10:81"],
  ])("%s", (_name, rest, wanted) => expect(seen(web(rest))).toBe(wanted));

  test("maps ports, and is asked for as the service", () => {
    const text = web("port: 80, forwarding: nat, check: http", undefined, "{ address: 10.0.0.11, port: 8080 }");
    expect(only(text)).toMatchObject({
      destination: { address: "10.0.0.11", port: 8080 },
      authority: { address: "198.51.100.10", port: 80 },
    });
  });

  test("goes to the first machine's address of a prefix", () => {
    expect(only(web("port: 80, forwarding: dr, check: tcp", "203.0.113.0/24"))?.authority.address).toBe("203.0.113.1");
    expect(only(web("port: 80, forwarding: dr, check: tcp", "203.0.113.8/31"))?.authority.address).toBe("203.0.113.8");
  });

  test("over IPv6 in a tunnel over IPv4 it comes from the director's address of the service's family", () => {
    const text = web("port: 80, forwarding: tun, check: tcp", "2001:db8::10");
    const probe = only(text);
    expect(probe && probeRecord(probe, ground)?.source).toEqual([0xfd00_0000, 0, 0, 1]);
  });

  test("has nobody to answer to where the only address of the director's is the service's own", () => {
    const probe = only(web("port: 80, forwarding: dr, check: tcp"));
    expect(probe && probeRecord(probe, { ...ground, sourceTowards: () => "198.51.100.10" })).toBeUndefined();
  });

  test("is not what commands, marks, direct checks and sorry servers have", () => {
    expect(only(web("port: 80, forwarding: nat, check: { command: [/bin/true] }"))).toBeUndefined();
    expect(only(web("port: 80, forwarding: nat, check: { tcp: {}, via: direct }"))).toBeUndefined();
    const marked = `director: { marks: [{ mark: 7, address: 198.51.100.0/24 }] }
services: { web: { mark: 7, forwarding: nat, check: { tcp: {}, port: 80 }, servers: [{ address: 10.0.0.11 }] } }
`;
    expect(only(marked)).toBeUndefined();
    const sorry = web("port: 80, forwarding: nat, check: tcp, sorryServer: { address: 10.0.0.99 }");
    expect(only(sorry)?.server.address).toBe("10.0.0.11");
  });
});

describe("networks of checks", () => {
  test("are the first that nobody uses", () => {
    const { ipv4, ipv6 } = chooseNetworks([], ["10.0.0.1", "198.18.7.7", "fd79:6172:6400:1::5"]);
    expect([ipv4.own, ipv6.own]).toEqual(["198.18.64.1", "fd79:6172:6400::1"]);
    expect(probeAddress(ipv4, 300)).toBe("198.18.65.60");
    expect(probeAddress(ipv6, 300)).toBe("fd79:6172:6400::13c");
    expect(ipv4.room).toBe(16_384 - 17);
  });

  test("are those that were asked for, or none", () => {
    expect(chooseNetworks(["192.0.2.0/26"], []).ipv4).toMatchObject({ own: "192.0.2.1", room: 47 });
    expect(() => chooseNetworks(["192.0.2.0/26"], ["192.0.2.3"])).toThrow(
      "192.0.2.0/26 has addresses that are in use, such as 192.0.2.3; name a free one under director.checkNetworks",
    );
    const all = Array.from({ length: 8 }, (_, part) => `198.${18 + (part >> 2)}.${(part & 3) * 64}.9`);
    expect(() => chooseNetworks([], all)).toThrow("each of the 8 networks from 198.18.0.0/18 on");
  });
});
