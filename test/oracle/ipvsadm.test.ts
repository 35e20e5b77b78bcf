// ipvsadm's command line, in all forms that it is given in.
import { describe, expect, test } from "vitest";
import { netmaskLength, parseIpvsadm } from "./ipvsadm.ts";

const web = { protocol: "tcp", address: "10.3.0.1", port: 80 };
const plain = { scheduler: "rr", flags: [], persistenceS: 0, netmaskLength: 32, onePacket: false };

describe("services", () => {
  test.each([
    ["-A -t 10.3.0.1:80 -s rr", { key: web, ...plain }],
    ["--add-service --tcp-service 10.3.0.1:80 --scheduler rr", { key: web, ...plain }],
    ["-A -t 10.3.0.1:80", { key: web, ...plain, scheduler: "wlc" }],
    ["-A -u 10.3.0.1:53 -s rr -o", { key: { ...web, protocol: "udp", port: 53 }, ...plain, onePacket: true }],
    ["-A -t 10.3.0.1:80 -s rr -p 100", { key: web, ...plain, persistenceS: 100 }],
    ["-A -t 10.3.0.1:80 -s rr -p", { key: web, ...plain, persistenceS: 360 }],
    ["-A -t 10.3.0.1:80 -p -s rr", { key: web, ...plain, persistenceS: 360 }],
    ["-A -t 10.3.0.1:80 -s rr -p 9 -M 255.255.255.0", { key: web, ...plain, persistenceS: 9, netmaskLength: 24 }],
    [
      "-A -t 10.3.0.1:80 -s sh -b sh-fallback,sh-port",
      { key: web, ...plain, scheduler: "sh", flags: ["sh-fallback", "sh-port"] },
    ],
    ["-A -f 7 -s rr", { key: { mark: 7, family: "ipv4" }, ...plain }],
    [
      "-A -f 7 -6 -s rr -p 60 -M 64",
      { key: { mark: 7, family: "ipv6" }, ...plain, persistenceS: 60, netmaskLength: 64 },
    ],
    [
      "-A -u [fd00:3:0::1]:53 -s rr",
      { key: { protocol: "udp", address: "fd00:3::1", port: 53 }, ...plain, netmaskLength: 128 },
    ],
  ])("%s", (command, service) => {
    expect(parseIpvsadm(command)).toEqual({ kind: "addService", service });
  });

  test("are edited, deleted and cleared", () => {
    expect(parseIpvsadm("-E -t 10.3.0.1:80 -s rr")).toEqual({ kind: "editService", service: { key: web, ...plain } });
    expect(parseIpvsadm("-D -t 10.3.0.1:80")).toEqual({ kind: "removeService", key: web });
    expect(parseIpvsadm("-C")).toEqual({ kind: "clear" });
  });
});

describe("servers", () => {
  const server = { address: "10.2.0.11", port: 80, mode: "dr", weight: 1, upper: 0, lower: 0 };

  test.each([
    ["-r 10.2.0.11", server],
    ["-r 10.2.0.11 -g", server],
    ["-r 10.2.0.11:8080 -g", server],
    ["-r 10.2.0.11:8080 -m", { ...server, mode: "nat", port: 8080 }],
    ["-r 10.2.0.11 -m -w 0", { ...server, mode: "nat", weight: 0 }],
    ["-r 10.2.0.11 -w 3 -x 20 -y 10", { ...server, weight: 3, upper: 20, lower: 10 }],
    ["-r 10.2.0.11 -i", { ...server, mode: "tun", tunnel: { kind: "ipip" } }],
    [
      "-r 10.2.0.11 -i --tun-type gue --tun-port 6080 --tun-nocsum",
      { ...server, mode: "tun", tunnel: { kind: "gue", port: 6080, checksum: false } },
    ],
    ["-r 10.2.0.11 -i --tun-type gre --tun-csum", { ...server, mode: "tun", tunnel: { kind: "gre", checksum: true } }],
    ["-r [fd00:2::b]:8080 -i", { ...server, address: "fd00:2::b", mode: "tun", tunnel: { kind: "ipip" } }],
  ])("%s", (options, expected) => {
    expect(parseIpvsadm(`-a -t 10.3.0.1:80 ${options}`)).toEqual({ kind: "addServer", key: web, server: expected });
  });

  test("of services of IPv6", () => {
    const key = { ...web, address: "fd00:3::1" };
    const six = { ...server, address: "fd00:2::b" };
    const command = (rest: string) => parseIpvsadm(`-a -t [fd00:3::1]:80 -r [fd00:2::b]${rest}`);
    expect(command(":8080 -m")).toEqual({ kind: "addServer", key, server: { ...six, mode: "nat", port: 8080 } });
    expect(command("")).toEqual({ kind: "addServer", key, server: six });
  });

  test("of mark services have port 0 unless one is given", () => {
    const key = { mark: 1, family: "ipv4" };
    const expected = { kind: "editServer", key, server: { ...server, port: 0 } };
    expect(parseIpvsadm("-e -f 1 -r 10.2.0.11")).toEqual(expected);
    expect(parseIpvsadm("-e -f 1 -r 10.2.0.11:0 -g")).toEqual(expected);
  });

  test("are deleted by name", () => {
    const name = "10.2.0.11:8080";
    expect(parseIpvsadm("-d -t 10.3.0.1:80 -r 10.2.0.11:8080")).toEqual({ kind: "removeServer", key: web, name });
  });
});

test("timeouts and the daemon", () => {
  expect(parseIpvsadm("--set 900 0 300")).toEqual({ kind: "setTimeouts", timeoutsS: [900, 0, 300] });
  const daemon = { kind: "startDaemon", role: "master", on: "s1", syncId: 7 };
  expect(parseIpvsadm("--start-daemon master --mcast-interface s1 --syncid 7")).toEqual(daemon);
});

test.each([
  "-t 10.3.0.1:80 -s rr",
  "-A -s rr",
  "-A -a -t 10.3.0.1:80",
  "-A -t 10.3.0.1 -s rr",
  "-A -t 10.3.0.1:80 -s rr surplus",
  "-A -t 10.3.0.1:80 --unheard-of",
  "-a -t 10.3.0.1:80",
  "-a -t 10.3.0.1:80 -r 10.2.0.11 -w heavy",
  "--set 900 120",
  "--start-daemon",
])("refused: ipvsadm %s", (command) => {
  expect(() => parseIpvsadm(command)).toThrow(`reading "ipvsadm ${command}": `);
});

test("netmasks are lengths or addresses", () => {
  expect(netmaskLength(undefined, "ipv6")).toBe(128);
  expect(netmaskLength("255.255.255.255", "ipv4")).toBe(32);
  expect(netmaskLength("128.0.0.0", "ipv4")).toBe(1);
  expect(netmaskLength(64, "ipv6")).toBe(64);
  expect(() => netmaskLength("255.0.255.0", "ipv4")).toThrow("holes");
  expect(() => netmaskLength(33, "ipv4")).toThrow("more than 32");
});
