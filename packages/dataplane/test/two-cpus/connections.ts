// What two CPUs do to connections at once.

import { arriving, fromServer } from "../packets/scenario.ts";
import { ipv4Wire } from "../packets/wire.ts";
import type { BalancerPlan, SettingsPlan } from "../plan.ts";
import { type Meeting, reaping, reapingByForce } from "./crossing.ts";

const { tcpFrame, clients, servers, vip, otherVip } = ipv4Wire;
const [client] = clients;
const destinations = [servers[0], servers[1]].map((address) => ({ address, port: 8080 }));
/** Both servers are shared: connections have entries for their replies. */
const twoServices: BalancerPlan = {
  services: [
    { address: vip, port: 80, destinations },
    { address: otherVip, port: 80, destinations },
  ],
  clients: [client],
};
const oneService: BalancerPlan = { ...twoServices, services: twoServices.services.slice(0, 1) };
const oneDirect: BalancerPlan = {
  services: [{ address: vip, port: 80, destinations: destinations.map(({ address }) => ({ address, method: "dr" })) }],
  clients: [client],
};
const full = { ...twoServices, maximumConnections: 3 };

const syn = tcpFrame(arriving);
const otherSyn = tcpFrame(arriving, {}, { sourcePort: 40001 });
const synElsewhere = tcpFrame(arriving, { destination: otherVip });
const ack = tcpFrame(arriving, {}, { flags: "A" });
const fin = tcpFrame(arriving, {}, { flags: "FA" });
const rst = tcpFrame(arriving, {}, { flags: "R" });
const reply = tcpFrame(
  fromServer,
  { source: servers[0], destination: client },
  { sourcePort: 8080, destinationPort: 40000, flags: "FA" },
);
/** Until a half-open connection is expired, in seconds. */
const expired = 60;

/** They begin. */
const openings: readonly Meeting[] = [
  { name: "two packets that open one connection", plan: twoServices, first: syn, second: syn, connections: 1 },
  { name: "two packets that open one connection, by dr", plan: oneDirect, first: syn, second: syn, connections: 1 },
  { name: "two connections at once", plan: twoServices, first: syn, second: otherSyn, connections: 2 },
  { name: "two packets that open one, by rule", plan: oneService, first: syn, second: syn, connections: 1 },
  { name: "two connections at once, by rule", plan: oneService, first: syn, second: otherSyn, connections: 2 },
  { name: "two connections at once, by dr", plan: oneDirect, first: syn, second: otherSyn, connections: 2 },
  {
    name: "two connections whose replies would be the same flow",
    plan: twoServices,
    first: syn,
    second: synElsewhere,
    mayFail: true,
  },
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
    name: "two new packets for an expired connection",
    plan: twoServices,
    before: [syn, expired],
    first: syn,
    second: syn,
    connections: 1,
    mayFail: true,
  },
];

/** They go on, and end. */
const endings: readonly Meeting[] = [
  { name: "two reapers", before: [syn, expired], first: reaping, second: reaping, connections: 0 },
  { name: "an opening packet, and the end of all by force", first: syn, second: reapingByForce },
  { name: "both sides close", before: [syn, ack], first: fin, second: reply, connections: 1 },
  { name: "the client closes twice", before: [syn, ack], first: fin, second: fin, connections: 1 },
].map((meeting) => ({ ...meeting, plan: twoServices, mayFail: true as const }));

/** Either first. */
const eitherWay: readonly Meeting[] = [
  {
    name: "a new packet for an expired connection, and the reaper",
    before: [syn, expired],
    first: syn,
    second: reaping,
  },
  { name: "a known packet, and the end by force", before: [syn], first: ack, second: reapingByForce },
  { name: "a reply, and the end by force", before: [syn], first: reply, second: reapingByForce },
].flatMap((meeting) => {
  const here = { ...meeting, plan: twoServices, mayFail: true as const };
  const there = { ...here, name: `the other way: ${meeting.name}`, first: meeting.second, second: meeting.first };
  const byRule = [here, there].map((one) => ({ ...one, name: `${one.name}, by rule`, plan: oneService }));
  return [here, there, ...byRule];
});

const byRule: readonly Meeting[] = [
  { name: "both sides close by rule", plan: oneService, before: [syn, ack], first: fin, second: reply, connections: 1 },
];

const with_ = (plan: BalancerPlan, settings: SettingsPlan): BalancerPlan => ({ ...plan, settings });
const closed = [syn, ack, rst];

/**
 * A connection is told to end, and another opened in its place. A packet that comes while one CPU is taking the old one
 * out of the table finds no room and is dropped.
 */
const superseding: readonly Meeting[] = [
  ...[twoServices, oneService, oneDirect].flatMap((plan, index): Meeting[] => {
    const how = ["with reply entries", "by rule", "by dr"][index];
    const reusing = with_(plan, { reuseMode: 1 });
    const rescheduling = with_(plan, { onRemoval: "reschedule" });
    return [
      {
        name: `a port used again on two CPUs, ${how}`,
        plan: reusing,
        before: closed,
        first: syn,
        second: syn,
        connections: 1,
        mayFail: true,
      },
      {
        name: `a removed server's connection scheduled anew on two CPUs, ${how}`,
        plan: rescheduling,
        before: [syn, (balancer) => balancer.setRemoved(0, "removed")],
        first: syn,
        second: syn,
        connections: 1,
        mayFail: true,
      },
      {
        name: `a port used again while its old connection is reaped, ${how}`,
        plan: reusing,
        before: [...closed, 10],
        first: syn,
        second: reaping,
        connections: 1,
      },
      {
        name: `a port used again while all is ended by force, ${how}`,
        plan: reusing,
        before: closed,
        first: syn,
        second: reapingByForce,
      },
      {
        name: `a port used again, and a known packet, ${how}`,
        plan: reusing,
        before: closed,
        first: syn,
        second: ack,
        mayFail: true,
      },
    ];
  }),
  {
    name: "a port used again, and the old server's reply",
    plan: with_(twoServices, { reuseMode: 1 }),
    before: closed,
    first: syn,
    second: reply,
    mayFail: true,
  },
  {
    name: "the old server's reply, and a port used again",
    plan: with_(twoServices, { reuseMode: 1 }),
    before: closed,
    first: reply,
    second: syn,
    mayFail: true,
  },
];

const limited = (upperThreshold: number): BalancerPlan => ({
  services: [
    {
      address: vip,
      port: 80,
      destinations: [{ address: servers[0], method: "dr", upperThreshold }],
      halfOpenMaximum: 100,
    },
  ],
  clients: [client],
});

/** Counts that decide: thresholds and caps. */
const counts: readonly Meeting[] = [
  { name: "two connections where one is the last", plan: limited(1), first: syn, second: otherSyn, mayFail: true },
  {
    name: "one reaches the threshold while one ends",
    plan: limited(2),
    before: [syn, ack],
    first: otherSyn,
    second: reapingByForce,
  },
  {
    name: "one ends while one reaches the threshold",
    plan: limited(2),
    before: [syn, expired],
    first: reaping,
    second: otherSyn,
  },
  {
    name: "one ends below the threshold while one reaches it",
    plan: limited(3),
    before: [tcpFrame(arriving, {}, { sourcePort: 40002 }), expired, otherSyn],
    first: reaping,
    second: syn,
  },
  {
    name: "a half-open connection is established while it is ended",
    plan: limited(9),
    before: [syn],
    first: ack,
    second: reapingByForce,
    mayFail: true,
  },
];

export const connectionMeetings: readonly Meeting[] = [
  ...openings,
  ...endings,
  ...eitherWay,
  ...byRule,
  ...superseding,
  ...counts,
];
