// Two CPUs at once, exhaustively: while one runs a program, another runs one of its own before the first
// CPU's next access to a map, for each access there is. Whatever meets there, the counts stay a recount.

import { createMemoryHost, type HelperCall, type HelperTable } from "@yardmaster/ebpf/vm";
import { ipv4ToNumber } from "@yardmaster/packet";
import { expect, test } from "vitest";
import { states } from "../src/index.ts";
import { Balancer } from "./harness.ts";
import { arriving, clientAddress, fromServer, serverAddress, tcpFrame, vip } from "./packets/scenario.ts";
import type { BalancerPlan } from "./plan.ts";
import { recount } from "./views.ts";

const otherVip = "198.51.100.11";
const destinations = [
  { address: serverAddress, port: 8080 },
  { address: "10.0.0.12", port: 8080 },
];
/** Both servers are shared: connections have entries for their replies. */
const twoServices: BalancerPlan = {
  services: [
    { address: vip, port: 80, destinations },
    { address: otherVip, port: 80, destinations },
  ],
  clients: [clientAddress],
};
const oneService: BalancerPlan = { ...twoServices, services: twoServices.services.slice(0, 1) };
const oneDirect: BalancerPlan = {
  services: [{ address: vip, port: 80, destinations: destinations.map(({ address }) => ({ address, method: "dr" })) }],
  clients: [clientAddress],
};

/** The flow of the first client's connection, as the reaper is told of it. */
const flow = {
  source: [ipv4ToNumber(clientAddress)],
  destination: [ipv4ToNumber(vip)],
  sourcePort: 40000,
  destinationPort: 80,
  protocol: 6,
};
const syn = tcpFrame(arriving);
const otherSyn = tcpFrame(arriving, {}, { sourcePort: 40001 });
const synElsewhere = tcpFrame(arriving, { destination: otherVip });
const ack = tcpFrame(arriving, {}, { flags: "A" });
const fin = tcpFrame(arriving, {}, { flags: "FA" });
const reply = (address = serverAddress) =>
  tcpFrame(
    fromServer,
    { source: address, destination: clientAddress },
    { sourcePort: 8080, destinationPort: 40000, flags: "FA" },
  );

/** What one CPU does: a packet, or the reaper's run on `flow`. */
type Work = Uint8Array | "reap" | "reap by force";

interface Meeting {
  readonly name: string;
  readonly plan?: BalancerPlan;
  /** Done before, on one CPU; a number lets that many ticks pass. */
  readonly before?: readonly (Uint8Array | number)[];
  readonly first: Work;
  readonly second: Work;
  /** Verdicts that each packet may get; default: it is forwarded. */
  readonly mayFail?: true;
  /** Connections there are in the end; undefined: it depends on who was quicker. */
  readonly connections?: number;
}

const expired = 60 * 250;
const full = { ...twoServices, maximumConnections: 3 };
const meetings: readonly Meeting[] = [
  { name: "two packets that open one connection", first: syn, second: syn, connections: 1 },
  { name: "two packets that open one connection, by dr", plan: oneDirect, first: syn, second: syn, connections: 1 },
  { name: "two connections at once", first: syn, second: otherSyn, connections: 2 },
  { name: "two packets that open one, by rule", plan: oneService, first: syn, second: syn, connections: 1 },
  { name: "two connections at once, by rule", plan: oneService, first: syn, second: otherSyn, connections: 2 },
  { name: "two connections at once, by dr", plan: oneDirect, first: syn, second: otherSyn, connections: 2 },
  { name: "two connections whose replies would be the same flow", first: syn, second: synElsewhere, mayFail: true },
  { name: "two connections with room for one", plan: full, first: syn, second: otherSyn, mayFail: true },
  {
    name: "one connection where there is room for half",
    plan: { ...full, maximumConnections: 1 },
    first: syn,
    second: syn,
    mayFail: true,
    connections: 0,
  },
  {
    name: "a new packet for an expired connection, and the reaper",
    before: [syn, expired],
    first: syn,
    second: "reap",
    mayFail: true,
  },
  {
    name: "the reaper, and a new packet for an expired connection",
    before: [syn, expired],
    first: "reap",
    second: syn,
    mayFail: true,
  },
  {
    name: "two new packets for an expired connection",
    before: [syn, expired],
    first: syn,
    second: syn,
    connections: 1,
    mayFail: true,
  },
  { name: "two reapers", before: [syn, expired], first: "reap", second: "reap", connections: 0 },
  { name: "an opening packet, and the end of all by force", first: syn, second: "reap by force", mayFail: true },
  { name: "a known packet, and the end by force", before: [syn], first: ack, second: "reap by force", mayFail: true },
  { name: "the end by force, and a known packet", before: [syn], first: "reap by force", second: ack, mayFail: true },
  { name: "a reply, and the end by force", before: [syn], first: reply(), second: "reap by force", mayFail: true },
  { name: "the end by force, and a reply", before: [syn], first: "reap by force", second: reply(), mayFail: true },
  {
    name: "a reply by rule, and the end by force",
    plan: oneService,
    before: [syn],
    first: reply(),
    second: "reap by force",
    mayFail: true,
  },
  {
    name: "the end by force, and a reply by rule",
    plan: oneService,
    before: [syn],
    first: "reap by force",
    second: reply(),
    mayFail: true,
  },
  {
    name: "both sides close by rule",
    plan: oneService,
    before: [syn, ack],
    first: fin,
    second: reply(),
    connections: 1,
  },
  { name: "both sides close", before: [syn, ack], first: fin, second: reply(), connections: 1 },
  { name: "the client closes twice", before: [syn, ack], first: fin, second: fin, connections: 1 },
];

/** Stops the first CPU before its access number `at` and lets `action` run on the second. */
class Crossing {
  accesses = 0;
  at = -1;
  cpu = 0;
  action: () => void = () => {};

  readonly helpers: HelperTable = {
    1: (call) => this.#meet(() => lookUp(call)),
    2: (call) => this.#meet(() => update(call)),
    3: (call) => this.#meet(() => call.map(1).store.remove(call.bytes(2, call.map(1).spec.key.size))),
  };

  #meet<T>(access: () => T): T {
    if (this.cpu === 0 && this.accesses++ === this.at) {
      this.cpu = 1;
      this.action();
      this.cpu = 0;
    }
    return access();
  }
}

function lookUp(call: HelperCall): bigint {
  const map = call.map(1);
  return map.pointerAt(map.store.find(call.bytes(2, map.spec.key.size)), call.cpu);
}

function update(call: HelperCall): number {
  const { store, spec } = call.map(1);
  const value = new Uint8Array(call.bytes(3, spec.value.size));
  const slot = store.claim(call.bytes(2, spec.key.size), Number(call.argument(4)));
  if (slot < 0) return slot;
  store.values.bytes(slot, 0).set(value);
  return 0;
}

const FORWARDED = 3;

/** One crossing; returns whether the first CPU got as far as access `at`. */
function cross(meeting: Meeting, at: number): boolean {
  const crossing = new Crossing();
  const host = createMemoryHost({ helpers: crossing.helpers, currentCpu: () => crossing.cpu });
  using balancer = new Balancer(host, meeting.plan ?? twoServices);
  const [first, second] = [balancer.loadAgain(), balancer.loadAgain()];
  for (const step of meeting.before ?? []) {
    if (typeof step === "number") balancer.advance(step);
    else balancer.send(step);
  }
  const isForced = [meeting.first, meeting.second].includes("reap by force");
  balancer.assignReaper([flow], isForced ? { force: true } : {});
  const verdicts: number[] = [];
  const perform = (work: Work, cpu: typeof first): void => {
    if (typeof work === "string") cpu.reaper.run({ packet: new Uint8Array(64) });
    else verdicts.push(cpu.balancer.run({ packet: work }).verdict);
  };
  let wasThere = false;
  crossing.accesses = 0;
  crossing.at = at;
  crossing.action = () => {
    wasThere = true;
    perform(meeting.second, second);
  };
  perform(meeting.first, first);
  crossing.at = -1;
  for (const cpu of [first, second]) for (const program of [cpu.balancer, cpu.reaper]) program.close();
  if (!wasThere) return false;

  if (meeting.mayFail === undefined) expect(verdicts.every((verdict) => verdict === FORWARDED)).toBe(true);
  expect(balancer.verdicts()).not.toHaveProperty("internal");
  assertConsistent(balancer, meeting.connections);
  balancer.advance(1_000_000);
  balancer.reap();
  assertConsistent(balancer, 0);
  return true;
}

function assertConsistent(balancer: Balancer, expected: number | undefined): void {
  const connections = balancer.connections();
  if (expected !== undefined) expect(connections.length).toBe(expected);
  expect(connections.map(({ state }) => state)).not.toContain(states.CLAIMED);
  const loads = balancer.loads();
  expect(loads.map(({ active, inactive }) => ({ active, inactive }))).toEqual(recount(connections, loads.length));
  expect(balancer.replyEntries()).toBe(balancer.plan.services.length > 1 ? connections.length : 0);
}

test.each(meetings)("$name", (meeting) => {
  let at = 0;
  while (cross(meeting, at)) at += 1;
  expect(at).toBeGreaterThan(2);
});
