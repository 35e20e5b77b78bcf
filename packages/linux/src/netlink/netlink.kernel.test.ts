// Netlink and ethtool against the kernel: interfaces, addresses, routes, neighbours and offloads of a
// namespace that the test made, as `ip` set them up.

import { execFileSync } from "node:child_process";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { Errno, SyscallError } from "../errno.ts";
import { driverName, readOffloads, setOffloads } from "../ethtool.ts";
import { callCount, failNthCall } from "../ffi.ts";
import { createVethNamespace, describeKernel } from "../../test/kernel-test.ts";
import { assertNothingOpen } from "../leak-check.ts";
import { withNetworkNamespace } from "../netns.ts";
import { listAddresses } from "./interface-address.ts";
import { findLink, listLinks } from "./link.ts";
import { listNeighbours } from "./neighbour.ts";
import { RouteSnapshot } from "./route-snapshot.ts";
import { routeTo } from "./route.ts";

describeKernel("netlink", () => {
  let namespace: ReturnType<typeof createVethNamespace> | undefined;
  beforeAll(() => {
    namespace = createVethNamespace();
  });
  const inside = <T>(run: () => T): T => withNetworkNamespace(namespace?.name ?? "", run);
  const ip = (...args: readonly string[]): void => void execFileSync("ip", ["-n", namespace?.name ?? "", ...args]);
  afterEach(assertNothingOpen);
  afterAll(() => namespace?.[Symbol.dispose]());

  test("interfaces", () => {
    const links = inside(listLinks);
    expect(links.map(({ name }) => name)).toEqual(expect.arrayContaining(["lo", "veth0", "veth1"]));
    const [a, b] = [inside(() => findLink("veth0")), inside(() => findLink("veth1"))];
    expect(a).toMatchObject({ mac: "02:00:00:00:00:0a", mtu: 1400, kind: "veth", isUp: true, xdp: undefined });
    expect(a?.linkIndex).toBe(b?.index);
    expect(findLink("a-name-nobody-has")).toBeUndefined();
    expect(links.find(({ name }) => name === "lo")).toMatchObject({ index: 1, isUp: false, kind: undefined });
  });

  test("a bridge is the master of its ports", () => {
    ip("link", "add", "bridge0", "type", "bridge");
    ip("link", "set", "veth1", "master", "bridge0");
    expect(inside(() => findLink("veth1"))?.masterIndex).toBe(inside(() => findLink("bridge0"))?.index);
    ip("link", "del", "bridge0");
    expect(inside(() => findLink("veth1"))?.masterIndex).toBeUndefined();
  });

  test("addresses", () => {
    const index = inside(() => findLink("veth0"))?.index;
    expect(inside(listAddresses)).toEqual(
      expect.arrayContaining([
        { interfaceIndex: index, address: "10.99.0.1", prefixLength: 24 },
        { interfaceIndex: index, address: "fd99::1", prefixLength: 64 },
      ]),
    );
  });

  test("routes: on the link, through a gateway, to this machine, and none", () => {
    const interfaceIndex = inside(() => findLink("veth0"))?.index;
    const source = "10.99.0.1";
    ip("route", "add", "10.1.0.0/16", "via", "10.99.0.2");
    ip("route", "add", "unreachable", "10.2.0.0/16");
    ip("route", "add", "blackhole", "10.3.0.0/16");
    ip("route", "add", "10.4.0.0/16", "via", "10.99.0.2", "mtu", "1300");
    const way = (address: string) => inside(() => routeTo(address));
    expect(way("10.99.0.7")).toEqual({ type: "unicast", interfaceIndex, gateway: undefined, source });
    expect(way("10.4.0.1")).toMatchObject({ gateway: "10.99.0.2", mtu: 1300 });
    expect(way("10.1.2.3")).toEqual({ type: "unicast", interfaceIndex, gateway: "10.99.0.2", source });
    expect(way("fd99::7")).toMatchObject({ type: "unicast", interfaceIndex, gateway: undefined });
    expect(way("10.99.0.1")).toMatchObject({ type: "local" });
    expect(way("10.99.0.255")).toMatchObject({ type: "broadcast" });
    expect(way("192.0.2.1")).toEqual({ type: "unreachable", errnoName: "ENETUNREACH" });
    expect(way("10.2.0.1")).toEqual({ type: "unreachable", errnoName: "EHOSTUNREACH" });
    expect(way("10.3.0.1")).toEqual({ type: "unreachable", errnoName: "EINVAL" });
    expect(() => routeTo("nowhere")).toThrow(RangeError);
  });

  test("routes of many addresses are those of each, and the kernel is asked once for all that share one", () => {
    const add = (text: string) => ip("route", "add", ...text.split(" "));
    for (const text of [
      "10.32.0.0/12 via 10.99.0.2",
      "10.32.7.0/24 via 10.99.0.3",
      "10.32.8.0/24 dev veth0",
      "10.32.9.0/24 via 10.99.0.2 mtu 1300",
      "10.32.10.0/24 via 10.99.0.2 metric 7",
      "10.32.10.0/24 via 10.99.0.3 metric 9",
      "10.32.11.0/24 nexthop via 10.99.0.2 nexthop via 10.99.0.3",
      "unreachable 10.32.12.0/24",
      "local 10.32.13.0/24 dev lo",
      "10.32.13.128/25 via 10.99.0.2",
      "10.32.14.0/24 via 10.99.0.2 tos 4",
    ]) {
      add(text);
    }
    const addresses = Array.from({ length: 400 }, (_, at) => `10.32.${at % 20}.${1 + Math.floor(at / 2)}`);
    const all = [...addresses, "10.99.0.9", "10.99.0.1", "10.99.0.255", "192.0.2.1", "fd99::7", "fd99::1"];
    inside(() => {
      const ways = new RouteSnapshot();
      expect(all.map((address) => ways.routeTo(address))).toEqual(all.map(routeTo));
    });
    inside(() => {
      const ways = new RouteSnapshot();
      for (const address of addresses) ways.routeTo(address);
      const [shared, own] = [ways.routeTo("10.33.0.1"), ways.routeTo("10.32.11.1")];
      ip("route", "del", "10.32.0.0/12");
      ip("route", "del", "10.32.11.0/24");
      expect([ways.routeTo("10.34.0.1"), ways.routeTo("10.32.11.2")]).toEqual([
        shared,
        { type: "unreachable", errnoName: "ENETUNREACH" },
      ]);
      expect([shared, own]).toMatchObject([{ gateway: "10.99.0.2" }, { type: "unicast" }]);
      // By other rules the same address may go elsewhere.
      ip("rule", "add", "from", "10.99.0.1", "table", "77");
      const asked = new RouteSnapshot();
      for (const address of addresses) asked.routeTo(address);
      expect(asked.routeTo("10.32.9.7")).not.toBe(asked.routeTo("10.32.9.7"));
      ip("rule", "del", "from", "10.99.0.1", "table", "77");
    });
    expect(() => inside(() => new RouteSnapshot().routeTo("nowhere"))).toThrow(RangeError);
  });

  test("neighbours", () => {
    const interfaceIndex = inside(() => findLink("veth0"))?.index;
    ip("neigh", "add", "10.99.0.9", "lladdr", "02:00:00:00:00:09", "dev", "veth0", "nud", "permanent");
    const entry = { interfaceIndex, address: "10.99.0.9", mac: "02:00:00:00:00:09", state: "permanent" };
    const found = inside(listNeighbours).find(({ address }) => address === entry.address);
    expect(found).toMatchObject(entry);
    // It has just been made.
    expect(found?.unchangedMs).toBeLessThan(10_000);
  });

  test("offloads are turned off and on again", () => {
    expect(inside(() => driverName("veth0"))).toBe("veth");
    expect(inside(() => readOffloads("veth0"))).toMatchObject({ txChecksum: true, tso: true, gso: true });
    inside(() => setOffloads("veth0", { txChecksum: false, rxChecksum: false, gro: true }));
    const off = inside(() => readOffloads("veth0"));
    expect(off).toMatchObject({ txChecksum: false, rxChecksum: false, tso: false, gro: true });
    inside(() => setOffloads("veth0", { txChecksum: true, tso: true, gso: false }));
    expect(inside(() => readOffloads("veth0"))).toMatchObject({ txChecksum: true, tso: true, gso: false });
    expect(() => inside(() => readOffloads("nope"))).toThrow(
      /reading offload rxChecksum of interface "nope": .*ENODEV/,
    );
    expect(() => readOffloads("a-name-that-is-too-long")).toThrow(RangeError);
  });

  test("a namespace that is not there, and a promise inside, are refused; both lead home", () => {
    const home = listLinks().map(({ name }) => name);
    expect(() => withNetworkNamespace("ymtest-none", () => 0)).toThrow(/there is no such namespace/);
    expect(() => inside(() => Promise.resolve())).toThrow(/must be synchronous/);
    expect(() =>
      inside(() => {
        throw new Error("inside");
      }),
    ).toThrow("inside");
    expect(listLinks().map(({ name }) => name)).toEqual(home);
  });

  test("whichever call fails, nothing stays open and the namespace is left", () => {
    const home = listLinks().map(({ name }) => name);
    const work = (): void => {
      inside(() => {
        listLinks();
        routeTo("10.99.0.7");
        readOffloads("veth0");
      });
    };
    const before = callCount();
    work();
    const calls = callCount() - before;
    expect(calls).toBeGreaterThan(8);
    for (let nth = 1; nth <= calls; nth += 1) {
      using fault = failNthCall(nth, Errno.ENOMEM);
      expect(work).toThrow(SyscallError);
      expect(fault.fired).toBe(true);
      assertNothingOpen();
    }
    expect(listLinks().map(({ name }) => name)).toEqual(home);
  });
});
