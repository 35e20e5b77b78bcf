// A machine's network as the checks see it, in a namespace that the test made: routes of every kind with their MTU,
// addresses, neighbours that answer and that do not, and kernel settings.
import { execFileSync } from "node:child_process";
import { setTimeout as sleep } from "node:timers/promises";
import { resolveNeighbour, withNetworkNamespace } from "@yardmaster/linux";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeKernel } from "../../test/kernel-test.ts";
import { createLinuxNetwork } from "./linux-network.ts";

describeKernel("a network in a namespace", () => {
  const name = `ymtest-checks-${process.pid}`;
  const ip = (...words: readonly string[]) => void execFileSync("ip", ["-n", name, ...words]);
  const read = <T>(ask: (network: ReturnType<typeof createLinuxNetwork>) => T): T =>
    withNetworkNamespace(name, () => ask(createLinuxNetwork()));
  beforeAll(() => {
    execFileSync("ip", ["netns", "add", name]);
    ip("link", "set", "lo", "up");
    ip("link", "add", "eth0", "type", "veth", "peer", "name", "eth.5");
    for (const link of ["eth0", "eth.5"]) ip("link", "set", link, "up");
    ip("address", "add", "10.98.0.1/24", "dev", "eth0");
    ip("address", "add", "198.51.100.10/32", "dev", "lo");
    ip("address", "add", "fd98::1/64", "dev", "eth0", "nodad");
    ip("route", "add", "10.9.0.0/16", "via", "10.98.0.2", "mtu", "1300");
  });
  afterAll(() => execFileSync("ip", ["netns", "del", name]));

  it("knows ways, with their routers and what they carry", () => {
    const way = (address: string) => read((network) => network.routeTo(address));
    const eth0 = { type: "unicast", interfaceName: "eth0", source: "10.98.0.1" };
    expect(way("10.98.0.7")).toEqual({ ...eth0, gateway: undefined, mtu: 1500 });
    expect(way("10.9.0.7")).toEqual({ ...eth0, gateway: "10.98.0.2", mtu: 1300 });
    expect(way("fd98::7")).toMatchObject({ type: "unicast", interfaceName: "eth0", gateway: undefined, mtu: 1500 });
    expect(way("198.51.100.10")).toMatchObject({ type: "local", interfaceName: "lo", gateway: undefined });
    expect(way("192.0.2.1")).toBeUndefined();
  });

  it("knows interfaces and addresses", () => {
    const { interfaces, addresses } = read((network) => ({
      interfaces: network.interfaces(),
      addresses: network.addresses(),
    }));
    expect(interfaces).toContainEqual(expect.objectContaining({ name: "eth0", isUp: true, mtu: 1500 }));
    expect(addresses).toContainEqual(
      expect.objectContaining({ interfaceName: "eth0", address: "10.98.0.1", prefixLength: 24 }),
    );
    expect(addresses).toContainEqual(
      expect.objectContaining({ interfaceName: "lo", address: "198.51.100.10", prefixLength: 32 }),
    );
  });

  it("reads settings, also of interfaces with a dot in their name", () => {
    const setting = (key: string) => read((network) => network.setting(key));
    execFileSync("ip", ["netns", "exec", name, "sysctl", "-qw", "net.ipv4.conf.eth/5.forwarding=1"]);
    expect(setting("net.ipv4.conf.eth/5.forwarding")).toBe("1");
    expect(setting("net.ipv4.conf.eth0.forwarding")).toBe("0");
    expect(setting("net.ipv4.conf.eth9.forwarding")).toBeUndefined();
  });

  it("knows who did not answer", async () => {
    const neighbour = (address: string) => read((network) => network.neighbour("eth0", address));
    ip("neighbour", "add", "10.98.0.9", "lladdr", "02:00:00:00:00:09", "dev", "eth0", "nud", "permanent");
    expect(neighbour("10.98.0.9")).toEqual({ mac: "02:00:00:00:00:09", state: "permanent" });
    expect(neighbour("10.98.0.8")).toBeUndefined();
    const { index = 0 } = read((network) => network.interfaces().find((link) => link.name === "eth0")) ?? {};
    withNetworkNamespace(name, () => resolveNeighbour(index, "10.98.0.8"));
    // Three questions, a second apart (net/ipv4/arp.c); nothing else makes the entry fail.
    for (let round = 0; round < 100 && neighbour("10.98.0.8")?.state !== "failed"; round++) await sleep(100);
    expect(neighbour("10.98.0.8")).toEqual({ mac: undefined, state: "failed" });
  });
});
