// Health checks through the data plane, packet by packet: what a check's packet becomes by each method, what becomes of
// answers, errors and packets that come back unanswered, that nobody else's packets are touched, and that nothing is
// counted. Frames are built anew from their fields; the reference must make the same ones.

import type { BpfHost } from "@yardmaster/ebpf";
import {
  checksumProblems,
  diffFrames,
  ethernet,
  fragmentFrame,
  frame as bytesOf,
  icmp4,
  icmp6,
  ipv4,
  ipv6,
} from "@yardmaster/packet";
import { afterAll, describe, expect, test } from "vitest";
import type { MethodName } from "../src/index.ts";
import type { Balancer } from "./harness.ts";
import { fromServer, natPlan, serverMac } from "./packets/scenario.ts";
import { type Wire, wires } from "./packets/wire.ts";
import { director, TICKS_PER_SECOND, type TunnelPlan } from "./plan.ts";
import { writeProbes } from "./probe-maps.ts";
import type { Fate } from "./reference/forward.ts";
import { withoutChance } from "./reference/icmp-error.ts";
import { probeMac, type ProbePlan, probeSockets, ReferenceProbes } from "./reference/probes.ts";
import { Stage } from "./stage.ts";
import { runAtTc } from "./tc-host.ts";

/** Addresses of the checks: the sockets', and those that stand for servers. */
const places = {
  ipv4: { own: probeSockets.ipv4, probes: ["198.18.0.16", "198.18.0.17"], director: "10.0.0.1" },
  ipv6: { own: probeSockets.ipv6, probes: ["fd79:6172:6400::10", "fd79:6172:6400::11"], director: "fd00::1" },
} as const;

/** Everything that a check can be sent by. */
const ways: readonly Way[] = [
  { name: "nat", method: "nat" },
  { name: "dr", method: "dr" },
  { name: "fullnat", method: "fullnat" },
  { name: "ipip", method: "tun" },
  { name: "gue", method: "tun", tunnel: { encapsulation: "gue", hasChecksum: true } },
  { name: "gre", method: "tun", tunnel: { encapsulation: "gre" } },
  { name: "ipip to the other family", method: "tun", isOther: true },
];

interface Way {
  readonly name: string;
  readonly method: MethodName;
  readonly tunnel?: TunnelPlan;
  /** The server's address is not of the service's family. */
  readonly isOther?: true;
}

/** A server that is probed by a way: port 80 of the service, and 8080 of the server where that is translated. */
function probeOf(wire: Wire, { method, tunnel, isOther }: Way, at: 0 | 1 = 0): ProbePlan {
  const { probes, director: own } = places[wire.family];
  const address = probes[at];
  const isTranslated = method === "nat" || method === "fullnat";
  const port = isTranslated ? 8080 : 80;
  const { servers } = isOther === true ? (wires.find((other) => other !== wire) ?? wire) : wire;
  const [server, source] = [servers[at], method === "nat" ? address : own];
  const destination = { address: isTranslated ? server : wire.vip, port };
  return { address, server: { address: server, port, method, ...(tunnel && { tunnel }) }, source, destination };
}

const socketEnd = { source: probeMac, destination: probeMac } as const;
const outwards = { source: director.outMac, destination: serverMac } as const;

/** One for each balancer: loading one takes longer than most tests. */
const probers = new Map<Balancer, ReturnType<Balancer["programs"]["prober"]>>();

/** A balancer with probes, beside the reference. */
class Bench {
  readonly balancer: Balancer;
  readonly reference: ReferenceProbes;

  constructor(stage: Stage, wire: Wire, probes: readonly ProbePlan[]) {
    this.balancer = stage.balancerFor(natPlan(wire, {}, { sendBack: "redirect" }));
    writeProbes(this.balancer, probes);
    this.reference = new ReferenceProbes(probes, this.balancer.now);
  }

  /** A check's packet, at its interface: both must agree on it. */
  probe(frame: Uint8Array): Fate {
    const { host } = this.balancer;
    const prober = probers.get(this.balancer) ?? this.balancer.programs.prober();
    probers.set(this.balancer, prober);
    const arrival = { frame, macs: [probeMac], ingress: 1, goesBackAs: "redirect" } as const;
    const { verdict, output } = runAtTc(host, prober, arrival);
    const fate = this.reference.send(frame);
    return this.#agreed(fate, { verdict, frame: output.packet });
  }

  /** A packet that comes to the balancer and has to do with a check. */
  answer(frame: Uint8Array): Fate {
    const { verdict, frame: got } = this.balancer.send(frame);
    const fate = this.reference.answer(frame);
    if (fate === undefined) throw new Error("the reference knows of no check");
    return this.#agreed(fate, { verdict, frame: got });
  }

  /** One that has not. */
  other(frame: Uint8Array): string {
    expect(this.reference.answer(frame)).toBeUndefined();
    return this.balancer.send(frame).verdict;
  }

  advance(ticks: number): void {
    this.balancer.advance(ticks);
    this.reference.now += ticks;
  }

  #agreed(fate: Fate, got: { readonly verdict: string; readonly frame: Uint8Array }): Fate {
    expect(got.verdict).toBe(fate.verdict);
    if (fate.verdict === "drop") {
      expect(this.balancer.verdicts()).toHaveProperty(fate.reason);
      return fate;
    }
    expect(diffFrames(withoutChance(fate.frame), withoutChance(got.frame))).toBe("");
    return fate;
  }
}

function redirected(fate: Fate): Uint8Array {
  if (fate.verdict !== "redirect") throw new Error(`${fate.verdict}, not redirect`);
  return fate.frame;
}

/** Registers the tests on a host; one in the kernel whose programs are for XDP cannot run the other one for tc. */
export function describeProbes(createHost: () => BpfHost): void {
  const stage = new Stage(createHost);
  afterAll(() => {
    for (const prober of probers.values()) prober.close();
    probers.clear();
    stage[Symbol.dispose]();
  });
  describe.each(wires)("checks over $family", (wire) => {
    describe.each(ways)("by $name", (way) => describeWay(stage, wire, way));
    describeLimits(stage, wire);
  });
}

function describeWay(stage: Stage, wire: Wire, way: Way): void {
  const { own } = places[wire.family];
  const probe = probeOf(wire, way);
  const { destination, source } = probe;
  const whole = { dontFragment: true } as const;

  test.each(["tcp", "udp"] as const)(
    "%s goes there as a client's packet would, and its answer comes back",
    (protocol) => {
      const bench = new Bench(stage, wire, [probe, probeOf(wire, way, 1)]);
      const build = protocol === "tcp" ? wire.tcpFrame : wire.udpFrame;
      const flags = protocol === "tcp" ? { flags: "SA" } : {};
      const there = { sourcePort: 40000, destinationPort: destination.port };
      const ends = { ...whole, source, destination: destination.address };
      const sent = bench.probe(
        build(
          socketEnd,
          { ...whole, source: own, destination: probe.address },
          { ...there, destinationPort: 80 },
          "hello",
        ),
      );
      const outside = redirected(sent);
      const inside = build(outwards, { ...ends, ttl: 63 }, there, "hello");
      expect(checksumProblems(outside)).toEqual([]);
      // A tunnel carries the same, behind headers that have tests of their own.
      const isTunnel = way.method === "tun";
      const carried = isTunnel ? outside.subarray(outside.length - inside.length + 14) : outside;
      expect(diffFrames(isTunnel ? ipFrame(inside.subarray(14)) : inside, isTunnel ? ipFrame(carried) : carried)).toBe(
        "",
      );

      const back = { sourcePort: destination.port, destinationPort: 40000, ...flags };
      const answer = build(fromServer, { source: destination.address, destination: source, ttl: 64 }, back, "world");
      const told = redirected(bench.answer(answer));
      const wanted = build(
        socketEnd,
        { source: probe.address, destination: own, ttl: 64 },
        { ...back, sourcePort: 80 },
        "world",
      );
      expect(diffFrames(wanted, told)).toBe("");
      expect(bench.balancer.connections()).toEqual([]);
      expect(bench.balancer.loads()).toEqual([{ active: 0, inactive: 0, scheduled: 0 }]);
      expect(bench.balancer.traffic()).toEqual([{ packetsIn: 0, bytesIn: 0, packetsOut: 0, bytesOut: 0 }]);
    },
  );

  test("an ICMP error about it comes back as one about what the socket sent", () => {
    const bench = new Bench(stage, wire, [probe]);
    const toProbe = { source: own, destination: probe.address };
    bench.probe(wire.udpFrame(socketEnd, toProbe, { sourcePort: 40000, destinationPort: 80 }));
    const there = { source, destination: destination.address };
    const quoted = wire.udpFrame(outwards, there, { sourcePort: 40000, destinationPort: destination.port });
    const error = errorFrom(wire, destination.address, source, quoted.subarray(14));
    const told = redirected(bench.answer(error));
    expect(checksumProblems(told)).toEqual([]);
    const expected = wire.udpFrame(outwards, toProbe, { sourcePort: 40000, destinationPort: 80 }).subarray(14);
    // Of the packet that is quoted the transport's checksum stays.
    const [isV4, ports] = [wire.family === "ipv4", wire.family === "ipv4" ? 24 : 44];
    const inner = told.subarray(14 + (isV4 ? 28 : 48));
    expect(inner.subarray(isV4 ? 12 : 8, ports)).toEqual(expected.subarray(isV4 ? 12 : 8, ports));
  });

  test("one that the server sends on, or that comes too late, is nobody's", () => {
    const bench = new Bench(stage, wire, [probe]);
    bench.probe(wire.tcpFrame(socketEnd, { source: own, destination: probe.address }));
    const there = { source, destination: destination.address };
    const returned = wire.tcpFrame(fromServer, there, { sourcePort: 40000, destinationPort: destination.port });
    expect(bench.answer(returned)).toEqual({ verdict: "drop", reason: "checkSentOn" });
    const back = { source: destination.address, destination: source };
    const answer = { sourcePort: destination.port, destinationPort: 40000, flags: "SA" };
    expect(bench.other(wire.tcpFrame(fromServer, back, { ...answer, destinationPort: 40001 }))).toBe("pass");
    bench.advance(61 * TICKS_PER_SECOND);
    expect(bench.other(wire.tcpFrame(fromServer, back, answer))).toBe("pass");
    expect(bench.balancer.verdicts()).not.toHaveProperty("internal");
  });
}

function describeLimits(stage: Stage, wire: Wire): void {
  const { own } = places[wire.family];
  const [nat, , , ipip] = ways as readonly [Way, Way, Way, Way];

  test("what cannot go is dropped, for its reason", () => {
    const lost: Way = { ...ipip, tunnel: { source: "none" } };
    const probes = [probeOf(wire, ipip), probeOf(wire, lost, 1)];
    const bench = new Bench(stage, wire, probes);
    const to = (destination: string, ttl = 64) => ({ source: own, destination, ttl, dontFragment: true });
    const [first, second] = places[wire.family].probes;
    const room = 1500 - (wire.family === "ipv4" ? 20 + 40 : 40 + 60);
    const long = (length: number) => wire.tcpFrame(socketEnd, to(first), {}, "x".repeat(length));
    expect(redirected(bench.probe(long(room))).length).toBe(1514);
    expect(bench.probe(long(room + 1))).toEqual({ verdict: "drop", reason: "checkExceedsMtu" });
    expect(bench.probe(wire.tcpFrame(socketEnd, to(first, 1)))).toEqual({
      verdict: "drop",
      reason: "timeToLiveExceeded",
    });
    expect(bench.probe(wire.tcpFrame(socketEnd, to(second)))).toEqual({ verdict: "drop", reason: "noTunnelSource" });
    expect(bench.probe(wire.tcpFrame(socketEnd, to(wire.vip)))).toEqual({ verdict: "drop", reason: "checkUnknown" });
  });

  test("what no check has sent goes nowhere: the machine would route it here again and again", () => {
    const bench = new Bench(stage, wire, [probeOf(wire, nat)]);
    const [first] = places[wire.family].probes;
    const unknown = { verdict: "drop", reason: "checkUnknown" };
    const [server] = wire.servers;
    const late = wire.udpFrame(socketEnd, { source: server, destination: first }, { sourcePort: 8080 });
    expect(bench.probe(late)).toEqual(unknown);
    expect(bench.probe(errorFrom(wire, own, first, new Uint8Array(40), socketEnd))).toEqual(unknown);
    const whole = wire.udpFrame(
      socketEnd,
      { source: server, destination: first },
      { sourcePort: 8080 },
      "x".repeat(3000),
    );
    for (const part of fragmentFrame(whole, 1280, 7)) {
      expect(bench.probe(part)).toEqual({ verdict: "drop", reason: "checkFragment" });
    }
  });

  test("two servers with one port of the socket are told apart, and the last exchange of a port counts", () => {
    const bench = new Bench(stage, wire, [probeOf(wire, nat), probeOf(wire, nat, 1)]);
    const { probes } = places[wire.family];
    for (const destination of probes) bench.probe(wire.tcpFrame(socketEnd, { source: own, destination }));
    for (const [at, probe] of probes.entries()) {
      const back = { source: wire.servers[at] ?? "", destination: probe };
      const answer = wire.tcpFrame(fromServer, back, { sourcePort: 8080, destinationPort: 40000, flags: "SA" });
      const told = redirected(bench.answer(answer));
      const wanted = { sourcePort: 80, destinationPort: 40000, flags: "SA" };
      expect(diffFrames(wire.tcpFrame(socketEnd, { source: probe, destination: own }, wanted), told)).toBe("");
    }
  });

  test("an answer is dropped where nothing says how it gets back to the sockets", () => {
    const bench = new Bench(stage, wire, [probeOf(wire, nat)]);
    const [destination] = places[wire.family].probes;
    bench.probe(wire.tcpFrame(socketEnd, { source: own, destination }));
    const { balancer } = bench;
    const { probeBack } = balancer.maps;
    const { value } = probeBack.spec;
    balancer.map(probeBack).update(0, value.decode(new Uint8Array(value.size)));
    const answer = { source: wire.servers[0], destination };
    const frame = wire.tcpFrame(fromServer, answer, { sourcePort: 8080, destinationPort: 40000, flags: "SA" });
    expect(balancer.send(frame).verdict).toBe("drop");
    expect(balancer.verdicts()).toHaveProperty("checkBroken");
  });

  test("clients' packets go on as if there were no checks", () => {
    const bench = new Bench(stage, wire, [probeOf(wire, nat)]);
    bench.probe(wire.tcpFrame(socketEnd, { source: own, destination: probeOf(wire, nat).address }));
    const { verdict } = bench.balancer.send(wire.tcpFrame({ ...fromServer, source: "02:00:00:00:00:fe" }));
    expect(verdict).toBe("redirect");
    expect(bench.balancer.loads()).toEqual([{ active: 1, inactive: 0, scheduled: 1 }]);
  });
}

/** "Port unreachable", from a server to whom it answers. */
function errorFrom(
  wire: Wire,
  source: string,
  destination: string,
  quoted: Uint8Array,
  link: typeof fromServer | typeof socketEnd = fromServer,
) {
  return wire.family === "ipv4"
    ? bytesOf(ethernet(link), ipv4({ source, destination, ttl: 64 }), icmp4({ type: 3, code: 3 }), quoted)
    : bytesOf(ethernet(link), ipv6({ source, destination, hopLimit: 64 }), icmp6({ type: 1, code: 4 }), quoted);
}

/** An IP packet in a frame, to be told apart field by field. */
function ipFrame(packet: Uint8Array): Uint8Array {
  const isV4 = (packet[0] ?? 0) >> 4 === 4;
  return Uint8Array.of(...new Uint8Array(12), ...(isV4 ? [0x08, 0x00] : [0x86, 0xdd]), ...packet);
}
