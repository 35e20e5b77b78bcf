// What two CPUs do to templates at once: made, renewed, retired, ended, while connections under them begin and end.

import { expect } from "vitest";
import { ASSURED } from "../../src/index.ts";
import type { Balancer } from "../harness.ts";
import { arriving, fromServer } from "../packets/scenario.ts";
import { ipv4Wire } from "../packets/wire.ts";
import type { BalancerPlan, ServicePlan, SettingsPlan } from "../plan.ts";
import {
  type Meeting,
  type Preparation,
  reaping,
  reapingByForce,
  reapingTemplates,
  reapingTemplatesByForce,
} from "./crossing.ts";

const { tcpFrame, udpFrame, clients, servers, vip } = ipv4Wire;
const [client] = clients;
const SECONDS = 10;

function planOf(service: Partial<ServicePlan> = {}, rest: Partial<BalancerPlan> = {}): BalancerPlan {
  const destinations = [servers[0], servers[1]].map((address) => ({ address, method: "dr" as const }));
  const persistence = { seconds: SECONDS };
  return { services: [{ address: vip, port: 80, destinations, persistence, ...service }], clients: [client], ...rest };
}
const settings = (of: SettingsPlan): BalancerPlan => planOf({}, { settings: of });

const syn = (port: number, flags = "S") => tcpFrame(arriving, {}, { sourcePort: 40_000 + port, flags });
const datagram = (port: number) => udpFrame(arriving, {}, { sourcePort: 40_000 + port });
const otherClient = tcpFrame(arriving, { source: clients[2] });
const removal: Preparation = (balancer) => balancer.setRemoved(0, "removed");
/** A template whose time is up, without a connection: the one that made it was reset. */
const over: readonly Preparation[] = [syn(0), syn(0, "A"), syn(0, "R"), SECONDS, (balancer) => void balancer.reap()];
/** One that a connection keeps. */
const kept: readonly Preparation[] = [syn(0), SECONDS];

/** What is under the template that clients find leads to its server; so many connections, if that is certain. */
const together =
  (controlled?: number) =>
  (balancer: Balancer): void => {
    const found = balancer.templates().filter(({ key }) => !key.startsWith("retired"));
    expect(found.length).toBeLessThan(2);
    if (controlled !== undefined) expect(found.map((template) => template.controlled)).toEqual([controlled]);
    const under = balancer.connections().filter(({ template }) => template === found[0]?.serial);
    expect(under.map(({ destination }) => destination)).toEqual(under.map(() => found[0]?.destination));
  };

const made: readonly Meeting[] = [
  {
    name: "the first two connections of a client: one template, one server",
    plan: planOf(),
    first: syn(0),
    second: syn(1),
    connections: 2,
    after: together(2),
  },
  {
    name: "one connection opened by two packets: one template, one connection under it",
    plan: planOf(),
    first: syn(0),
    second: syn(0),
    connections: 1,
    after: together(1),
  },
  {
    name: "a template over, and two connections of its client",
    plan: planOf(),
    before: over.slice(0, -1),
    first: syn(1),
    second: syn(2),
    connections: 3,
  },
  {
    name: "two clients with room for one template",
    plan: planOf({}, { maximumConnections: 1 }),
    first: syn(0),
    second: otherClient,
    mayFail: true,
  },
  {
    name: "the first two datagrams of a client that keep nothing",
    plan: planOf({ port: 53, protocol: "udp", onePacket: true }),
    first: datagram(0),
    second: datagram(1),
    connections: 0,
    after: together(0),
  },
];

const renewed: readonly Meeting[] = [
  {
    name: "two connections under one template",
    plan: planOf(),
    before: [syn(0)],
    first: syn(1),
    second: syn(2),
    connections: 3,
    after: together(3),
  },
  {
    name: "two connections under a template that was only kept",
    plan: planOf(),
    before: kept,
    first: syn(1),
    second: syn(2),
    connections: 3,
    after: together(3),
  },
  {
    name: "a connection is opened while another is established",
    plan: planOf(),
    before: [syn(0)],
    first: syn(1),
    second: syn(0, "A"),
    connections: 2,
    after: (balancer) => {
      together(2)(balancer);
      expect(balancer.templates().map(({ state }) => state)).toEqual([ASSURED]);
    },
  },
  {
    name: "a connection is opened while another ends",
    plan: planOf(),
    before: [syn(0), 5],
    first: syn(1),
    second: reapingByForce,
  },
  {
    name: "a connection ends while another is opened",
    plan: planOf(),
    before: [syn(0), 60],
    first: reaping,
    second: syn(1),
    connections: 1,
    after: together(1),
  },
];

const ended: readonly Meeting[] = [
  {
    name: "a template ends while a connection opens under it",
    plan: planOf(),
    before: [...over.slice(0, 3), SECONDS - 1],
    first: syn(1),
    second: reapingTemplatesByForce,
  },
  {
    name: "a connection opens under a template while that ends",
    plan: planOf(),
    before: over,
    first: reapingTemplates,
    second: syn(1),
    after: together(),
  },
  {
    name: "a connection opens in the place of a template that is over, while that ends",
    plan: planOf(),
    before: over,
    first: syn(1),
    second: reapingTemplates,
    connections: 1,
  },
  {
    name: "a template is extended while a connection opens under it",
    plan: planOf(),
    before: kept,
    first: syn(1),
    second: reapingTemplates,
    connections: 2,
    after: together(2),
  },
  {
    name: "a connection opens under a template while that is extended",
    plan: planOf(),
    before: kept,
    first: reapingTemplates,
    second: syn(1),
    connections: 2,
    after: together(2),
  },
  { name: "two reapers of templates", plan: planOf(), before: over, first: reapingTemplates, second: reapingTemplates },
  {
    name: "the last connection ends while its template is extended",
    plan: planOf(),
    before: [...kept, syn(0, "R"), 60],
    first: reapingTemplates,
    second: syn(0),
  },
];

const leaving = { leaveQuiesced: true } as const;
const quiesce: Preparation = (balancer) => balancer.setWeights(0, [0, 1]);

const retired: readonly Meeting[] = [
  {
    name: "two connections of a client whose server was removed",
    plan: planOf(),
    before: [syn(0), removal],
    first: syn(1),
    second: syn(2),
    connections: 3,
    after: together(),
  },
  {
    name: "two connections of a client whose server is to be left",
    plan: settings(leaving),
    before: [syn(0), quiesce],
    first: syn(1),
    second: syn(2),
    connections: 3,
    after: together(),
  },
  {
    name: "a template is retired while a connection under it ends",
    plan: planOf(),
    before: [syn(0), 60, removal],
    first: syn(1),
    second: reaping,
    connections: 1,
  },
  {
    name: "a connection ends while its template is retired",
    plan: planOf(),
    before: [syn(0), 60, removal],
    first: reaping,
    second: syn(1),
    connections: 1,
  },
  {
    name: "a template is retired while a connection under it is established",
    plan: settings(leaving),
    before: [syn(0), quiesce],
    first: syn(1),
    second: syn(0, "A"),
    connections: 2,
  },
  {
    name: "a template is retired while it is ended by force",
    plan: planOf(),
    before: [syn(0), removal],
    first: syn(1),
    second: reapingTemplatesByForce,
  },
  {
    name: "a template is ended by force while it is retired",
    plan: planOf(),
    before: [syn(0), removal],
    first: reapingTemplatesByForce,
    second: syn(1),
  },
  {
    name: "a template is retired where there is no room, on two CPUs",
    plan: planOf({}, { maximumConnections: 2, settings: { onRemoval: "reschedule" } }),
    before: [syn(0), otherClient, (balancer) => balancer.setRemoved(0, "removed")],
    first: syn(0),
    second: syn(0),
    mayFail: true,
  },
  {
    name: "a removed server's connection and its template scheduled anew, on two CPUs",
    mayFail: true,
    plan: settings({ onRemoval: "reschedule" }),
    before: [syn(0), removal],
    first: syn(0),
    second: syn(0),
    connections: 1,
    after: together(),
  },
  {
    name: "a quiesced server's connection scheduled anew, on two CPUs",
    mayFail: true,
    plan: settings({ onRemoval: "reschedule", ...leaving }),
    before: [syn(0), syn(0, "A"), quiesce],
    first: syn(0),
    second: syn(0),
    connections: 1,
    after: together(),
  },
];

const answering = udpFrame(
  fromServer,
  { source: servers[0], destination: client },
  { sourcePort: 5353, destinationPort: 40_000 },
);
const answered: readonly Meeting[] = [
  {
    name: "two answers to a datagram",
    plan: planOf({ port: 53, protocol: "udp", destinations: [{ address: servers[0], port: 5353 }] }),
    before: [datagram(0)],
    first: answering,
    second: answering,
    connections: 1,
    after: (balancer) => expect(balancer.templates().map(({ state }) => state)).toEqual([ASSURED]),
  },
];

export const templateMeetings: readonly Meeting[] = [...made, ...renewed, ...ended, ...retired, ...answered];
