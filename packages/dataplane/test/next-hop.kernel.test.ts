// The way out, asked of the kernel's routing, in a network namespace of the test's own: a veth pair,
// permanent neighbours, and the ways in which there is none. Test runs come in on the namespace's loopback.

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createKernelHost } from "@yardmaster/ebpf/kernel";
import { findLink, withNetworkNamespace } from "@yardmaster/linux";
import { macBytes } from "@yardmaster/packet";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { MethodName } from "../src/index.ts";
import { Balancer, type Sent } from "./harness.ts";
import { describeKernel } from "./kernel-test.ts";
import { arriving, fromServer, tcpFrame, vip } from "./packets/scenario.ts";

const NAMESPACE = `ymtest-dataplane-${process.pid}`;
const vethMac = "02:00:00:00:00:0a";
const serverMac = "02:00:00:00:00:b1";
const gatewayMac = "02:00:00:00:00:fe";
const inside = <T>(run: () => T): T => withNetworkNamespace(NAMESPACE, run);
const ip = (...args: readonly string[]) => execFileSync("ip", ["-n", NAMESPACE, ...args], { stdio: "pipe" });

function setUp(): void {
  execFileSync("ip", ["netns", "add", NAMESPACE]);
  ip("link", "set", "lo", "up");
  ip("link", "add", "veth0", "address", vethMac, "type", "veth", "peer", "name", "veth1");
  ip("link", "set", "veth0", "up", "mtu", "1400");
  ip("link", "set", "veth1", "up");
  ip("addr", "add", "10.0.0.1/24", "dev", "veth0");
  ip("neigh", "add", "10.0.0.11", "lladdr", serverMac, "dev", "veth0", "nud", "permanent");
  ip("neigh", "add", "10.0.0.254", "lladdr", gatewayMac, "dev", "veth0", "nud", "permanent");
  ip("route", "add", "203.0.113.0/24", "via", "10.0.0.254");
  for (const type of ["blackhole", "unreachable", "prohibit"]) ip("route", "add", type, `10.1.${type.length}.0/24`);
  // Stands for a VLAN interface, which not every kernel has: what makes it one is the balancer's map.
  ip("link", "add", "vlan100", "address", vethMac, "type", "veth", "peer", "name", "veth3");
  ip("link", "set", "vlan100", "up");
  ip("link", "set", "veth3", "up");
  ip("addr", "add", "10.2.0.1/24", "dev", "vlan100");
  ip("neigh", "add", "10.2.0.11", "lladdr", serverMac, "dev", "vlan100", "nud", "permanent");
  forwarding("1");
}

/** Files under /proc/sys/net are those of the opener's namespace. */
function forwarding(value: "0" | "1"): void {
  inside(() => writeFileSync("/proc/sys/net/ipv4/ip_forward", value));
}

function balancerFor(method: MethodName, address: string): Balancer {
  const destinations = [{ address, method }];
  return new Balancer(createKernelHost(), { services: [{ address: vip, port: 80, destinations }], hops: "unknown" });
}

const send = (balancer: Balancer, frame: Uint8Array): Sent => inside(() => balancer.send(frame));

describeKernel("the way out by the kernel's routing", () => {
  beforeAll(setUp);
  afterAll(() => execFileSync("ip", ["netns", "del", NAMESPACE]));

  test("a server on the link gets the packet with its MAC address, from ours", () => {
    using balancer = balancerFor("dr", "10.0.0.11");
    const { verdict, frame } = send(balancer, tcpFrame(arriving));
    expect(balancer.verdicts()).toEqual({});
    expect(verdict).toBe("redirect");
    expect(frame).toEqual(tcpFrame({ source: vethMac, destination: serverMac }, { ttl: 63 }));
    const paths = balancer.map(balancer.maps.paths).lookupPerCpu(0) ?? [];
    const hop = paths.find(({ packetsIn }) => packetsIn === 1n)?.hop;
    expect(hop).toMatchObject({ mtu: 1400, vlan: 0, ifindex: inside(() => findLink("veth0"))?.index });
  });

  test("a reply goes to the client's gateway", () => {
    using balancer = balancerFor("nat", "10.0.0.11");
    send(balancer, tcpFrame(arriving));
    const back = { source: "10.0.0.11", destination: "203.0.113.7" };
    const ports = { sourcePort: 80, destinationPort: 40000, flags: "SA" };
    const { verdict, frame } = send(balancer, tcpFrame(fromServer, back, ports));
    expect(verdict).toBe("redirect");
    const macs = { source: vethMac, destination: gatewayMac };
    expect(frame).toEqual(tcpFrame(macs, { ...back, source: vip, ttl: 63 }, ports));
  });

  test("the MTU of the way is kept to", () => {
    const [fits, exceeds] = [
      tcpFrame(arriving, {}, {}, new Uint8Array(1360)),
      tcpFrame(arriving, {}, {}, new Uint8Array(1361)),
    ];
    using nat = balancerFor("nat", "10.0.0.11");
    expect([send(nat, fits).verdict, send(nat, exceeds).verdict]).toEqual(["redirect", "pass"]);
    expect(nat.verdicts()).toEqual({ exceedsMtu: 1 });
    using dr = balancerFor("dr", "10.0.0.11");
    expect([send(dr, fits).verdict, send(dr, exceeds).verdict]).toEqual(["redirect", "drop"]);
    expect(dr.verdicts()).toEqual({ directExceedsMtu: 1 });
  });

  test("while a neighbour is unresolved NAT leaves the packet to the stack, dr drops it", () => {
    using nat = balancerFor("nat", "10.0.0.99");
    expect(send(nat, tcpFrame(arriving))).toMatchObject({
      verdict: "pass",
      frame: tcpFrame(arriving, { destination: "10.0.0.99" }),
    });
    expect(nat.verdicts()).toEqual({ neighbourUnresolved: 1 });
    using dr = balancerFor("dr", "10.0.0.99");
    expect(send(dr, tcpFrame(arriving)).verdict).toBe("drop");
    expect(dr.verdicts()).toEqual({ directNeighbourUnresolved: 1 });
    ip("neigh", "add", "10.0.0.99", "lladdr", serverMac, "dev", "veth0", "nud", "permanent");
    expect([send(nat, tcpFrame(arriving)).verdict, send(dr, tcpFrame(arriving)).verdict]).toEqual([
      "redirect",
      "redirect",
    ]);
  });

  test.each(["10.1.9.1", "10.1.11.1", "10.1.8.1"])("no route: %s", (address) => {
    using balancer = balancerFor("nat", address);
    expect(send(balancer, tcpFrame(arriving)).verdict).toBe("drop");
    expect(balancer.verdicts()).toEqual({ noRoute: 1 });
  });

  test("an address without any route is left to the stack, which knows why", () => {
    using balancer = balancerFor("nat", "172.16.0.1");
    expect(send(balancer, tcpFrame(arriving)).verdict).toBe("pass");
    expect(balancer.verdicts()).toEqual({ neighbourUnresolved: 1 });
  });

  test("a server on the director itself is left to the stack, translated", () => {
    using balancer = balancerFor("nat", "10.0.0.1");
    expect(send(balancer, tcpFrame(arriving))).toMatchObject({
      verdict: "pass",
      frame: tcpFrame(arriving, { destination: "10.0.0.1" }),
    });
  });

  test("without forwarding nothing goes out", () => {
    forwarding("0");
    try {
      using balancer = balancerFor("nat", "10.0.0.11");
      expect(send(balancer, tcpFrame(arriving)).verdict).toBe("drop");
      expect(balancer.verdicts()).toEqual({ forwardingDisabled: 1 });
    } finally {
      forwarding("1");
    }
  });

  test("a server behind a VLAN interface gets tagged frames over the lower one", () => {
    using balancer = balancerFor("dr", "10.2.0.11");
    const [vlan, lower] = inside(() => [findLink("vlan100")?.index ?? 0, findLink("veth0")?.index ?? 0]);
    balancer.map(balancer.maps.vlanDevices).update({ ifindex: vlan }, { ifindex: lower, vlan: 100, reserved: 0 });
    const { verdict, frame } = send(balancer, tcpFrame(arriving));
    expect(verdict).toBe("redirect");
    expect(frame).toEqual(tcpFrame({ source: vethMac, destination: serverMac, vlan: [100] }, { ttl: 63 }));
  });

  test("a neighbour that moves is found within a second", () => {
    using balancer = balancerFor("dr", "10.0.0.11");
    send(balancer, tcpFrame(arriving));
    ip("neigh", "replace", "10.0.0.11", "lladdr", "02:00:00:00:00:b2", "dev", "veth0", "nud", "permanent");
    try {
      balancer.advance(250);
      expect(send(balancer, tcpFrame(arriving)).frame.slice(0, 6)).toEqual(macBytes("02:00:00:00:00:b2"));
    } finally {
      ip("neigh", "replace", "10.0.0.11", "lladdr", serverMac, "dev", "veth0", "nud", "permanent");
    }
  });
});
