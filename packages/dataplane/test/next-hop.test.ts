// The way out, asked of a routing that the test plays: every answer of bpf_fib_lookup, and how often it is
// asked.

import { createMemoryHost, type HelperCall } from "@yardmaster/ebpf/vm";
import { addressWords, formatAddress, macBytes } from "@yardmaster/packet";
import { describe, expect, test } from "vitest";
import type { MethodName, ReasonName } from "../src/index.ts";
import { Balancer, clientSlot } from "./harness.ts";
import { arriving, fromServer } from "./packets/scenario.ts";
import { type Wire, wires } from "./packets/wire.ts";
import { type BalancerPlan, director, INGRESS } from "./plan.ts";

const FIB_LOOKUP = 69;
/** Offsets in struct bpf_fib_lookup (include/uapi/linux/bpf.h). */
const at = {
  family: 0,
  length: 6,
  ifindex: 8,
  source: 16,
  destination: 32,
  sourceMac: 52,
  destinationMac: 58,
} as const;
const neighbour = "02:00:00:00:02:77";

/** AF_INET and AF_INET6 (include/linux/socket.h). */
const FAMILIES = { ipv4: 2, ipv6: 10 } as const;

interface Routing {
  readonly wire: Wire;
  /** What the lookup returns. */
  code: number;
  ifindex: number;
  mtu: number;
  mac: string;
  readonly asked: { readonly source: string; readonly destination: string; readonly ifindex: number }[];
}

function routing(wire: Wire, code = 0): Routing {
  return { wire, code, ifindex: INGRESS, mtu: 1500, mac: neighbour, asked: [] };
}

function hostWith(answers: Routing) {
  return createMemoryHost({ helpers: { [FIB_LOOKUP]: (call) => lookUp(answers, call) } });
}

function lookUp(answers: Routing, call: HelperCall): number {
  expect([call.int(3), call.argument(4)]).toEqual([64, 0n]);
  const question = call.bytes(2, 64);
  const view = new DataView(question.buffer, question.byteOffset, 64);
  const { family } = answers.wire;
  const length = family === "ipv4" ? 4 : 16;
  expect(question[at.family]).toBe(FAMILIES[family]);
  answers.asked.push({
    source: formatAddress(question.slice(at.source, at.source + length)),
    destination: formatAddress(question.slice(at.destination, at.destination + length)),
    ifindex: view.getUint32(at.ifindex, true),
  });
  if (answers.code !== 0) return answers.code;
  view.setUint16(at.length, answers.mtu, true);
  view.setUint32(at.ifindex, answers.ifindex, true);
  question.set(macBytes(director.outMac), at.sourceMac);
  question.set(macBytes(answers.mac), at.destinationMac);
  return 0;
}

function planOf({ vip, servers }: Wire, method: MethodName): BalancerPlan {
  const service = { address: vip, port: 80, destinations: [{ address: servers[0], method }] };
  return { services: [service], hops: "unknown" };
}

/** BPF_FIB_LKUP_RET_*, an unknown one, and an error; what NAT and dr make of each. */
const answers: readonly (readonly [name: string, code: number, nat: ReasonName, dr: ReasonName])[] = [
  ["a blackhole route", 1, "noRoute", "noRoute"],
  ["an unreachable route", 2, "noRoute", "noRoute"],
  ["a prohibited route", 3, "noRoute", "noRoute"],
  ["a route that is not forwarding", 4, "neighbourUnresolved", "directNeighbourUnresolved"],
  ["forwarding switched off", 5, "forwardingDisabled", "forwardingDisabled"],
  ["an unsupported tunnel route", 6, "noRoute", "noRoute"],
  ["an unresolved neighbour", 7, "neighbourUnresolved", "directNeighbourUnresolved"],
  ["a packet too large", 8, "noRoute", "noRoute"],
  ["no source address", 9, "noRoute", "noRoute"],
  ["an answer of later kernels", 10, "noRoute", "noRoute"],
  ["an error", -22, "noRoute", "noRoute"],
];

describe.each(wires)("over $family", (wire) => {
  const { tcpFrame } = wire;
  const [clientAddress] = wire.clients;
  const [serverAddress, otherServer] = wire.servers;

  test.each(answers)("%s is answered with the reason", (_name, code, nat, dr) => {
    for (const [method, reason] of [
      ["nat", nat],
      ["dr", dr],
    ] as const) {
      const routes = routing(wire, code);
      using balancer = new Balancer(hostWith(routes), planOf(wire, method));
      const sent = balancer.send(tcpFrame(arriving));
      expect(balancer.verdicts()).toEqual({ [reason]: 1 });
      expect(sent.verdict).toBe(reason === "neighbourUnresolved" ? "pass" : "drop");
      // The stack gets what it can route on: translated, with the time to live as it came.
      if (sent.verdict === "pass") {
        expect(sent.frame).toEqual(tcpFrame(arriving, { destination: serverAddress }));
      }
      // Nothing is remembered of a failure: once the way is there, the next packet takes it.
      routes.code = 0;
      expect(balancer.send(tcpFrame(arriving)).verdict).toBe("tx");
      expect(routes.asked.length).toBe(2);
    }
  });

  test("the way is asked once a second, with the packet's addresses", () => {
    const routes = routing(wire);
    using balancer = new Balancer(hostWith(routes), planOf(wire, "dr"));
    for (let count = 0; count < 3; count++) expect(balancer.send(tcpFrame(arriving)).verdict).toBe("tx");
    expect(routes.asked).toEqual([{ source: clientAddress, destination: serverAddress, ifindex: INGRESS }]);
    balancer.advance(249);
    balancer.send(tcpFrame(arriving));
    expect(routes.asked.length).toBe(1);
    routes.mac = "02:00:00:00:02:78";
    balancer.advance(1);
    const { frame } = balancer.send(tcpFrame(arriving));
    expect(routes.asked.length).toBe(2);
    expect(frame.slice(0, 6)).toEqual(macBytes(routes.mac));
  });

  test("a failure after a success is noticed when the entry is a second old", () => {
    const routes = routing(wire);
    using balancer = new Balancer(hostWith(routes), planOf(wire, "dr"));
    balancer.send(tcpFrame(arriving));
    routes.code = 5;
    expect(balancer.send(tcpFrame(arriving)).verdict).toBe("tx");
    balancer.advance(250);
    expect(balancer.send(tcpFrame(arriving)).verdict).toBe("drop");
  });

  test("another interface is a redirect, and the MTU of the way is kept to", () => {
    const headers = wire.family === "ipv4" ? 40 : 60;
    const routes = { ...routing(wire), ifindex: 9, mtu: headers + 60 };
    using balancer = new Balancer(hostWith(routes), planOf(wire, "nat"));
    expect(balancer.send(tcpFrame(arriving, {}, {}, new Uint8Array(60)))).toMatchObject({
      verdict: "redirect",
      redirectIfindex: 9,
    });
    // Over IPv6 no router divides a packet: the client is told the MTU.
    const isDivided = wire.family === "ipv4";
    const { verdict } = balancer.send(tcpFrame(arriving, {}, {}, new Uint8Array(61)));
    expect(verdict).toBe(isDivided ? "pass" : "tx");
    expect(balancer.verdicts()).toEqual(isDivided ? { exceedsMtu: 1 } : {});
  });

  test("the way over a VLAN interface is that of its lower interface, tagged", () => {
    const routes = { ...routing(wire), ifindex: 9 };
    using balancer = new Balancer(hostWith(routes), planOf(wire, "dr"));
    balancer.map(balancer.maps.vlanDevices).update({ ifindex: 9 }, { ifindex: 4, vlan: 100, reserved: 0 });
    const sent = balancer.send(tcpFrame(arriving));
    expect(sent.redirectIfindex).toBe(4);
    const macs = { source: director.outMac, destination: neighbour, vlan: [100] };
    expect(sent.frame).toEqual(tcpFrame(macs, { ttl: 63 }));
  });

  test("a destination that gets another address is asked for anew where its way has been forgotten", () => {
    const routes = routing(wire);
    using balancer = new Balancer(hostWith(routes), planOf(wire, "nat"));
    balancer.send(tcpFrame(arriving));
    const destinations = balancer.map(balancer.maps.destinations);
    const before = destinations.lookup(0);
    const words = addressWords(otherServer);
    const otherWords = [0, 1, 2, 3].map((word) => words[word] ?? 0);
    if (before === undefined) throw new Error("the plan has a destination");
    destinations.update(0, { ...before, address: otherWords });
    balancer.forgetWay(0);
    balancer.send(tcpFrame(arriving, {}, { sourcePort: 40001 }));
    expect(routes.asked.map(({ destination }) => destination)).toEqual([serverAddress, otherServer]);
  });

  test("replies ask the way to their client; two clients in one slot of the cache displace each other", () => {
    const routes = routing(wire);
    using balancer = new Balancer(hostWith(routes), planOf(wire, "nat"));
    const addressOf = (index: number) =>
      wire.family === "ipv4" ? `192.0.${index >> 8}.${index & 255}` : `2001:db8:e::${(index + 1).toString(16)}`;
    const other = Array.from({ length: 65_000 }, (_, index) => addressOf(index)).find(
      (address) => clientSlot(address) === clientSlot(clientAddress),
    );
    const clients = [clientAddress, other ?? ""];
    for (const source of clients) balancer.send(tcpFrame(arriving, { source }));
    routes.asked.length = 0;
    const reply = (destination: string) =>
      tcpFrame(
        fromServer,
        { source: serverAddress, destination },
        { sourcePort: 80, destinationPort: 40000, flags: "SA" },
      );
    for (const client of [...clients, ...clients, other ?? ""]) {
      expect(balancer.send(reply(client)).verdict).toBe("tx");
    }
    expect(routes.asked.map(({ destination }) => destination)).toEqual([...clients, ...clients]);
  });
});
