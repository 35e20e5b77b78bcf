// The way out, asked of the kernel's routing, in a network namespace of the test's own: a veth pair,
// permanent neighbours, and the ways in which there is none. Test runs come in on the namespace's loopback.

import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { createKernelHost } from "@yardmaster/ebpf/kernel";
import { findLink, withNetworkNamespace } from "@yardmaster/linux";
import { macBytes } from "@yardmaster/packet";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { MethodName } from "../src/index.ts";
import { Balancer, type Sent } from "./harness.ts";
import { describeKernel } from "./kernel-test.ts";
import { arriving, fromServer } from "./packets/scenario.ts";
import { type Wire, wires } from "./packets/wire.ts";

const NAMESPACE = `ymtest-dataplane-${process.pid}`;
const vethMac = "02:00:00:00:00:0a";
const serverMac = "02:00:00:00:00:b1";
const gatewayMac = "02:00:00:00:00:fe";
const inside = <T>(run: () => T): T => withNetworkNamespace(NAMESPACE, run);
const ip = (...args: readonly string[]) => execFileSync("ip", ["-n", NAMESPACE, ...args], { stdio: "pipe" });

/** What each family has on the way out, and where there is none. */
interface Network {
  readonly wire: Wire;
  /** Ours on the link, and the link's network. */
  readonly own: string;
  readonly gateway: string;
  /** A server on the link that nobody resolved. */
  readonly unresolved: string;
  readonly clientNetwork: string;
  /** Ours, and a server, behind the VLAN interface. */
  readonly ownOnVlan: string;
  readonly onVlan: string;
  /** Addresses by the type of the route that leads nowhere. */
  readonly nowhere: Readonly<Record<"blackhole" | "unreachable" | "prohibit", string>>;
  readonly withoutRoute: string;
  /** Bits of the networks above, and of the header of a TCP packet. */
  readonly bits: number;
  readonly headers: number;
  readonly forwarding: string;
}

const [ipv4, ipv6] = wires as readonly [Wire, Wire];
const networks: readonly Network[] = [
  {
    wire: ipv4,
    own: "10.0.0.1",
    gateway: "10.0.0.254",
    unresolved: "10.0.0.99",
    clientNetwork: "203.0.113.0/24",
    ownOnVlan: "10.2.0.1",
    onVlan: "10.2.0.11",
    nowhere: { blackhole: "10.1.9.1", unreachable: "10.1.11.1", prohibit: "10.1.8.1" },
    withoutRoute: "172.16.0.1",
    bits: 24,
    headers: 40,
    forwarding: "/proc/sys/net/ipv4/ip_forward",
  },
  {
    wire: ipv6,
    own: "fd00::1",
    gateway: "fd00::fe",
    unresolved: "fd00::99",
    clientNetwork: "2001:db8:c::/64",
    ownOnVlan: "fd00:2::1",
    onVlan: "fd00:2::11",
    nowhere: { blackhole: "fd01:9::1", unreachable: "fd01:11::1", prohibit: "fd01:8::1" },
    withoutRoute: "fd99::1",
    bits: 64,
    headers: 60,
    forwarding: "/proc/sys/net/ipv6/conf/all/forwarding",
  },
];

function setUp(): void {
  execFileSync("ip", ["netns", "add", NAMESPACE]);
  ip("link", "set", "lo", "up");
  for (const [name, peer] of [
    ["veth0", "veth1"],
    // Stands for a VLAN interface, which not every kernel has: what makes it one is the balancer's map.
    ["vlan100", "veth3"],
  ] as const) {
    ip("link", "add", name, "address", vethMac, "type", "veth", "peer", "name", peer);
    ip("link", "set", name, "up", "mtu", "1400");
    ip("link", "set", peer, "up");
  }
  for (const network of networks) {
    const { own, gateway, bits, ownOnVlan, onVlan, nowhere, clientNetwork, wire } = network;
    const addressing = wire.family === "ipv6" ? ["nodad"] : [];
    ip("addr", "add", `${own}/${bits}`, "dev", "veth0", ...addressing);
    ip("addr", "add", `${ownOnVlan}/${bits}`, "dev", "vlan100", ...addressing);
    neighbour("add", wire.servers[0], serverMac);
    neighbour("add", gateway, gatewayMac);
    neighbour("add", onVlan, serverMac, "vlan100");
    ip("route", "add", clientNetwork, "via", gateway);
    for (const [type, address] of Object.entries(nowhere)) ip("route", "add", type, address);
    forwarding(network, "1");
  }
}

function neighbour(action: "add" | "replace", address: string, mac: string, device = "veth0"): void {
  ip("neigh", action, address, "lladdr", mac, "dev", device, "nud", "permanent");
}

/** Files under /proc/sys/net are those of the opener's namespace. */
function forwarding(network: Network, value: "0" | "1"): void {
  inside(() => writeFileSync(network.forwarding, value));
}

function balancerFor({ vip }: Wire, method: MethodName, address: string): Balancer {
  const destinations = [{ address, method }];
  return new Balancer(createKernelHost(), { services: [{ address: vip, port: 80, destinations }], hops: "unknown" });
}

const send = (balancer: Balancer, frame: Uint8Array): Sent => inside(() => balancer.send(frame));

describeKernel("the way out by the kernel's routing", () => {
  beforeAll(setUp);
  afterAll(() => execFileSync("ip", ["netns", "del", NAMESPACE]));
  describe.each(networks.map((network) => [network.wire.family, network] as const))("over %s", (_family, network) =>
    describeNetwork(network),
  );
});

function describeNetwork(network: Network): void {
  const { wire, unresolved, headers, nowhere } = network;
  const { tcpFrame, vip } = wire;
  const [client] = wire.clients;
  const [server] = wire.servers;

  test("a server on the link gets the packet with its MAC address, from ours", () => {
    using balancer = balancerFor(wire, "dr", server);
    const { verdict, frame } = send(balancer, tcpFrame(arriving));
    expect(balancer.verdicts()).toEqual({});
    expect(verdict).toBe("redirect");
    expect(frame).toEqual(tcpFrame({ source: vethMac, destination: serverMac }, { ttl: 63 }));
    const paths = balancer.map(balancer.maps.paths).lookupPerCpu(0) ?? [];
    const hop = paths.find(({ packetsIn }) => packetsIn === 1n)?.hop;
    expect(hop).toMatchObject({ mtu: 1400, vlan: 0, ifindex: inside(() => findLink("veth0"))?.index });
  });

  test("a reply goes to the client's gateway", () => {
    using balancer = balancerFor(wire, "nat", server);
    send(balancer, tcpFrame(arriving));
    const back = { source: server, destination: client };
    const ports = { sourcePort: 80, destinationPort: 40000, flags: "SA" };
    const { verdict, frame } = send(balancer, tcpFrame(fromServer, back, ports));
    expect(verdict).toBe("redirect");
    const macs = { source: vethMac, destination: gatewayMac };
    expect(frame).toEqual(tcpFrame(macs, { ...back, source: vip, ttl: 63 }, ports));
  });

  test("the MTU of the way is kept to", () => {
    const [fits, exceeds] = [
      tcpFrame(arriving, {}, {}, new Uint8Array(1400 - headers)),
      tcpFrame(arriving, {}, {}, new Uint8Array(1401 - headers)),
    ];
    // Over IPv6 no router divides a packet: the client is told the MTU.
    const [natVerdict, drVerdict] = wire.family === "ipv4" ? (["pass", "drop"] as const) : (["tx", "tx"] as const);
    using nat = balancerFor(wire, "nat", server);
    expect([send(nat, fits).verdict, send(nat, exceeds).verdict]).toEqual(["redirect", natVerdict]);
    expect(nat.verdicts()).toEqual(wire.family === "ipv4" ? { exceedsMtu: 1 } : {});
    using dr = balancerFor(wire, "dr", server);
    expect([send(dr, fits).verdict, send(dr, exceeds).verdict]).toEqual(["redirect", drVerdict]);
    expect(dr.verdicts()).toEqual(wire.family === "ipv4" ? { directExceedsMtu: 1 } : {});
  });

  test("while a neighbour is unresolved NAT leaves the packet to the stack, dr drops it", () => {
    using nat = balancerFor(wire, "nat", unresolved);
    expect(send(nat, tcpFrame(arriving))).toMatchObject({
      verdict: "pass",
      frame: tcpFrame(arriving, { destination: unresolved }),
    });
    expect(nat.verdicts()).toEqual({ neighbourUnresolved: 1 });
    using dr = balancerFor(wire, "dr", unresolved);
    expect(send(dr, tcpFrame(arriving)).verdict).toBe("drop");
    expect(dr.verdicts()).toEqual({ directNeighbourUnresolved: 1 });
    neighbour("add", unresolved, serverMac);
    expect([send(nat, tcpFrame(arriving)).verdict, send(dr, tcpFrame(arriving)).verdict]).toEqual([
      "redirect",
      "redirect",
    ]);
  });

  test.each(Object.entries(nowhere))("no route: %s", (_type, address) => {
    using balancer = balancerFor(wire, "nat", address);
    expect(send(balancer, tcpFrame(arriving)).verdict).toBe("drop");
    expect(balancer.verdicts()).toEqual({ noRoute: 1 });
  });

  test("an address without any route is left to the stack, which knows why", () => {
    using balancer = balancerFor(wire, "nat", network.withoutRoute);
    expect(send(balancer, tcpFrame(arriving)).verdict).toBe("pass");
    expect(balancer.verdicts()).toEqual({ neighbourUnresolved: 1 });
  });

  test("a server on the director itself is left to the stack, translated", () => {
    using balancer = balancerFor(wire, "nat", network.own);
    expect(send(balancer, tcpFrame(arriving))).toMatchObject({
      verdict: "pass",
      frame: tcpFrame(arriving, { destination: network.own }),
    });
  });

  test("without forwarding nothing goes out", () => {
    forwarding(network, "0");
    try {
      using balancer = balancerFor(wire, "nat", server);
      expect(send(balancer, tcpFrame(arriving)).verdict).toBe("drop");
      expect(balancer.verdicts()).toEqual({ forwardingDisabled: 1 });
    } finally {
      forwarding(network, "1");
    }
  });

  test("a server behind a VLAN interface gets tagged frames over the lower one", () => {
    using balancer = balancerFor(wire, "dr", network.onVlan);
    const [vlan, lower] = inside(() => [findLink("vlan100")?.index ?? 0, findLink("veth0")?.index ?? 0]);
    balancer.map(balancer.maps.vlanDevices).update({ ifindex: vlan }, { ifindex: lower, vlan: 100, reserved: 0 });
    const { verdict, frame } = send(balancer, tcpFrame(arriving));
    expect(verdict).toBe("redirect");
    expect(frame).toEqual(tcpFrame({ source: vethMac, destination: serverMac, vlan: [100] }, { ttl: 63 }));
  });

  test("a neighbour that moves is found within a second", () => {
    using balancer = balancerFor(wire, "dr", server);
    send(balancer, tcpFrame(arriving));
    neighbour("replace", server, "02:00:00:00:00:b2");
    try {
      balancer.advance(250);
      expect(send(balancer, tcpFrame(arriving)).frame.slice(0, 6)).toEqual(macBytes("02:00:00:00:00:b2"));
    } finally {
      neighbour("replace", server, serverMac);
    }
  });
}
