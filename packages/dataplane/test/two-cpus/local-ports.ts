// What two CPUs do to full NAT's local ports at once: that each is taken once and given back once is a recount's to
// say.

import { expect } from "vitest";
import type { Balancer } from "../harness.ts";
import { arriving } from "../packets/scenario.ts";
import { ipv4Wire } from "../packets/wire.ts";
import type { BalancerPlan } from "../plan.ts";
import { type Meeting, reaping, reapingByForce } from "./crossing.ts";

const { tcpFrame, clients, servers, vip, otherVip } = ipv4Wire;
const [client] = clients;

/** Two services share a server, towards which there are so many local ends. */
const planFor = (count: number, rest: Partial<BalancerPlan> = {}): BalancerPlan => ({
  services: [vip, otherVip].map((address) => ({
    address,
    port: 80,
    destinations: [{ address: servers[0], port: 8080, method: "fullnat" }],
  })),
  clients: [client],
  localAddresses: ["10.0.1.1"],
  localPorts: { first: 5000, count },
  ...rest,
});

const syn = tcpFrame(arriving);
const otherSyn = tcpFrame(arriving, {}, { sourcePort: 40_001 });
const thirdSyn = tcpFrame(arriving, {}, { sourcePort: 40_002 });
const synElsewhere = tcpFrame(arriving, { destination: otherVip });
const ack = tcpFrame(arriving, {}, { flags: "A" });
const rst = tcpFrame(arriving, {}, { flags: "R" });
/** Until a half-open connection is expired, in seconds. */
const expired = 60;

/** Nobody is refused while there are ends for all. */
const enough: readonly Meeting[] = [
  { name: "two packets that open one connection", plan: planFor(2), first: syn, second: syn, connections: 1 },
  { name: "two connections, and two ends", plan: planFor(2), first: syn, second: otherSyn, connections: 2 },
  { name: "two services, one server", plan: planFor(2), first: syn, second: synElsewhere, connections: 2 },
  { name: "three connections", plan: planFor(3), before: [thirdSyn], first: syn, second: otherSyn, connections: 3 },
];

/** One is refused, whoever was later. */
const last: readonly Meeting[] = [
  { name: "two connections, and one end", first: syn, second: otherSyn, connections: 1 },
  { name: "two services, one server, one end", first: syn, second: synElsewhere, connections: 1 },
  {
    name: "two connections, and the end of an expired one",
    before: [thirdSyn, expired],
    first: syn,
    second: otherSyn,
    after: (balancer: Balancer) => expect(balancer.localFlows().length).toBeLessThanOrEqual(1),
  },
  { name: "an expired connection's end, and its client again", before: [syn, expired], first: otherSyn, second: syn },
  { name: "a client again, and its expired end wanted", before: [syn, expired], first: syn, second: otherSyn },
  { name: "two packets of a client whose connection expired", before: [syn, expired], first: syn, second: syn },
  { name: "an expired connection's end, and the reaper", before: [syn, expired], first: otherSyn, second: reaping },
  { name: "the reaper, and an expired connection's end", before: [syn, expired], first: reaping, second: otherSyn },
  { name: "an opening packet, and the end of all by force", first: syn, second: reapingByForce },
  { name: "the end of all by force, and an opening packet", before: [syn], first: reapingByForce, second: otherSyn },
  { name: "a known packet, and the end by force", before: [syn], first: ack, second: reapingByForce },
].map((meeting) => ({ ...meeting, plan: planFor(1), mayFail: true as const }));

const again: readonly Meeting[] = [
  {
    name: "a port used again on two CPUs",
    plan: planFor(2, { settings: { reuseMode: 1 } }),
    before: [syn, ack, rst],
    first: syn,
    second: syn,
    connections: 1,
    mayFail: true,
  },
  {
    name: "two connections with room for one",
    plan: planFor(3, { maximumConnections: 1 }),
    first: syn,
    second: otherSyn,
    mayFail: true,
  },
];

export const localPortMeetings: readonly Meeting[] = [...enough, ...last, ...again];
