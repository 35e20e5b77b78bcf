// Persistence: clients stay with the server of their first connection (behaviour reference §6).

import type { Wire } from "../packets/wire.ts";
import type { BalancerPlan, DestinationPlan, PersistencePlan, ServicePlan } from "../plan.ts";
import { down, reap, remove, reply, restore, see, type Story, tcp, udp, wait, weigh } from "./story.ts";

/** rr over two servers: who is not bound goes on to the next. */
function planOf(
  { vip, servers }: Wire,
  persistence: Partial<PersistencePlan> = {},
  service: Partial<ServicePlan> = {},
  destination: Partial<DestinationPlan> = { method: "dr" },
): BalancerPlan {
  const destinations = [servers[0], servers[1]].map((address) => ({ address, ...destination }));
  return {
    services: [{ address: vip, port: 80, destinations, persistence: { seconds: 300, ...persistence }, ...service }],
  };
}

/** What one template stands for. */
function keys(wire: Wire): readonly Story[] {
  const { vip, otherVip, neighbourhoodBits } = wire;
  const https = { address: vip, port: 443 } as const;
  return [
    {
      name: "a client stays with its server on every port of its own; another goes to the next",
      plan: planOf(wire),
      steps: [
        tcp("a1", "S", 0),
        tcp("a2", "S", 0),
        tcp("b1", "S", 1),
        tcp("a3", "S", 0),
        tcp("b2", "S", 1),
        see({
          templates: [
            { to: 0, seconds: 300, controlled: 3 },
            { to: 1, seconds: 300, controlled: 2 },
          ],
          scheduled: [3, 2],
        }),
      ],
    },
    {
      name: "clients that agree in the bits of the mask are one",
      plan: planOf(wire, { maskBits: neighbourhoodBits }),
      steps: [
        tcp("a1", "S", 0),
        tcp("b1", "S", 0),
        tcp("c1", "S", 1),
        tcp("b2", "S", 0),
        see({
          templates: [
            { to: 0, seconds: 300, controlled: 3 },
            { to: 1, seconds: 300, controlled: 1 },
          ],
        }),
      ],
    },
    {
      name: "a mask of no bits makes all clients one",
      plan: planOf(wire, { maskBits: 0 }),
      steps: [tcp("a1", "S", 0), tcp("b1", "S", 0), tcp("c1", "S", 0)],
    },
    {
      name: "by default each port of a service binds anew",
      plan: planOf(wire, {}, { alsoAt: [https] }),
      steps: [
        tcp("a1", "S", 0),
        tcp("a1", "S", 1, https),
        tcp("a2", "S", 0),
        tcp("a2", "S", 1, https),
        see({
          templates: [
            { to: 0, seconds: 300, controlled: 2 },
            { to: 1, seconds: 300, controlled: 2 },
          ],
        }),
      ],
    },
    {
      name: "a service of all ports binds for all of them, but for each protocol and address",
      plan: planOf(
        wire,
        { covers: "allPorts" },
        { alsoAt: [https, { address: vip, port: 80, protocol: "udp" }, { address: otherVip, port: 80 }] },
      ),
      steps: [
        tcp("a1", "S", 0),
        tcp("a1", "S", 0, https),
        udp("a1", 1, { port: 80 }),
        tcp("a1", "S", 0, { address: otherVip }),
        see({ templates: [0, 1, 0].map((to, at) => ({ to, seconds: 300, controlled: at === 0 ? 2 : 1 })) }),
      ],
    },
    {
      name: "a service by mark binds once for all addresses, ports and protocols",
      plan: planOf(
        wire,
        { covers: "mark" },
        { alsoAt: [https, { address: vip, port: 80, protocol: "udp" }, { address: otherVip, port: 80 }] },
      ),
      steps: [
        tcp("a1", "S", 0),
        tcp("a1", "S", 0, https),
        udp("a1", 0, { port: 80 }),
        tcp("a1", "S", 0, { address: otherVip }),
        tcp("b1", "S", 1),
        see({
          templates: [
            { to: 0, seconds: 300, controlled: 4 },
            { to: 1, seconds: 300, controlled: 1 },
          ],
        }),
      ],
    },
  ];
}

/** How long it lasts. */
function times(wire: Wire): readonly Story[] {
  const one = (seconds: number, controlled: number) => see({ templates: [{ to: 0, seconds, controlled }] });
  return [
    {
      name: "each new connection restarts its time; packets of known ones do not",
      plan: planOf(wire),
      steps: [
        tcp("a1", "S", 0),
        wait(50),
        tcp("a1", "A", 0),
        wait(50),
        tcp("a1", "PA", 0),
        see({ templates: [{ to: 0, seconds: 200, controlled: 1, isAssured: true }] }),
        tcp("a2", "S", 0),
        see({ templates: [{ to: 0, seconds: 300, controlled: 2, isAssured: true }] }),
      ],
    },
    {
      name: "without connections it ends when its time is up, and the client is scheduled anew",
      plan: planOf(wire, { seconds: 100 }),
      steps: [
        tcp("a1", "S", 0),
        wait(60),
        reap(1),
        one(40, 0),
        wait(39),
        tcp("a2", "S", 0),
        one(100, 1),
        wait(100),
        reap(1, 1),
        see({ templates: [] }),
        tcp("a3", "S", 1),
      ],
    },
    {
      name: "a template whose time is up counts no more, be the reaper late; another comes in its place",
      plan: planOf(wire, { seconds: 10 }, { port: 53, protocol: "udp", onePacket: true }),
      steps: [
        udp("a1", 0),
        wait(10),
        udp("a1", 1),
        see({ templates: [{ to: 1, seconds: 10, controlled: 0 }] }),
        reap(0, 0),
        wait(9),
        udp("a1", 1),
      ],
    },
    {
      name: "while connections go on it gets a minute more each time, and a minute is its period from then on",
      plan: planOf(wire, { seconds: 10 }),
      steps: [
        tcp("a1", "S", 0),
        wait(10),
        reap(0, 0),
        one(60, 1),
        wait(30),
        tcp("a2", "S", 0),
        one(60, 2),
        wait(30),
        reap(1, 0),
        one(30, 1),
        wait(30),
        reap(1, 1),
        see({ templates: [] }),
      ],
    },
    {
      name: "a new connection before the reaper came finds it extended as well",
      plan: planOf(wire, { seconds: 10 }),
      steps: [tcp("a1", "S", 0), wait(15), tcp("a2", "S", 0), one(60, 2), tcp("b1", "S", 1)],
    },
  ];
}

/** Who says that it is worth keeping. */
function assurance(wire: Wire): readonly Story[] {
  const assured = (controlled: number) => see({ templates: [{ to: 0, seconds: 300, controlled, isAssured: true }] });
  const not = see({ templates: [{ to: 0, seconds: 300, controlled: 1 }] });
  const udpService = { port: 53, protocol: "udp" } as const;
  return [
    {
      name: "it is assured once one of its connections is established",
      plan: planOf(wire),
      steps: [tcp("a1", "S", 0), not, tcp("a1", "A", 0), assured(1), tcp("a2", "S", 0), assured(2)],
    },
    {
      name: "where any packet opens a connection, at once",
      plan: { ...planOf(wire), settings: { sloppyTcp: true } },
      steps: [tcp("a1", "A", 0), assured(1)],
    },
    {
      name: "it is assured once one of its datagrams was answered through the director",
      plan: planOf(wire, {}, udpService, { port: 5353 }),
      steps: [
        udp("a1", 0),
        not,
        udp("a1", 0),
        not,
        reply("a1", "", "back", { protocol: "udp" }),
        assured(1),
        reply("a1", "", "back", { protocol: "udp" }),
        assured(1),
      ],
    },
    {
      name: "by dr nobody sees an answer",
      plan: planOf(wire, {}, udpService),
      steps: [udp("a1", 0), udp("a1", 0), not],
    },
  ];
}

/** What ends the bond before its time. */
function bonds(wire: Wire): readonly Story[] {
  const both = (first: number, second: number) =>
    see({
      templates: [
        { to: 0, seconds: 300, controlled: first, isRetired: true },
        { to: 1, seconds: 300, controlled: second },
      ],
    });
  return [
    {
      name: "weight 0 does not matter to those who are bound",
      plan: planOf(wire),
      steps: [tcp("a1", "S", 0), weigh(0, 1), tcp("a2", "S", 0), tcp("b1", "S", 1), tcp("b2", "S", 1)],
    },
    {
      name: "unless quiesced servers are to be left: then the client gets another, and another template",
      plan: { ...planOf(wire), settings: { leaveQuiesced: true } },
      steps: [
        tcp("a1", "S", 0),
        weigh(0, 1),
        tcp("a1", "S", 0),
        tcp("a2", "S", 1),
        both(1, 1),
        weigh(1, 1),
        tcp("a3", "S", 1),
        both(1, 2),
        wait(60),
        reap(3, 0),
        see({
          templates: [
            { to: 0, seconds: 240, controlled: 0, isRetired: true },
            { to: 1, seconds: 240, controlled: 0 },
          ],
        }),
        wait(240),
        reap(0, 2),
      ],
    },
    {
      name: "so does one that is bound to a server which checks have found down, with its first SYN as well",
      plan: planOf(wire),
      steps: [tcp("a1", "S", 0), weigh(0, 1), down(0), tcp("a2", "S", 1), both(1, 1), tcp("a1", "S", 1), both(0, 2)],
    },
    {
      name: "a removed server's clients get another; put back, it does not get them back",
      plan: planOf(wire),
      steps: [tcp("a1", "S", 0), remove(0), tcp("a2", "S", 1), both(1, 1), restore(0), tcp("a3", "S", 1), both(1, 2)],
    },
    {
      name: "put back before they came again, it does",
      plan: planOf(wire),
      steps: [
        tcp("a1", "S", 0),
        remove(0),
        restore(0),
        tcp("a2", "S", 0),
        see({ templates: [{ to: 0, seconds: 300, controlled: 2 }] }),
      ],
    },
    {
      name: "a retired template is kept by its connections as any other",
      plan: { ...planOf(wire, { seconds: 10 }), settings: { leaveQuiesced: true } },
      steps: [
        tcp("a1", "S", 0),
        tcp("a1", "A", 0),
        weigh(0, 1),
        tcp("a2", "S", 1),
        wait(10),
        reap(0, 0),
        see({
          templates: [
            { to: 0, seconds: 60, controlled: 1, isAssured: true, isRetired: true },
            { to: 1, seconds: 60, controlled: 1 },
          ],
        }),
        tcp("a1", "R", 0),
        wait(10),
        reap(1, 0),
        see({
          templates: [
            { to: 0, seconds: 50, controlled: 0, isAssured: true, isRetired: true },
            { to: 1, seconds: 50, controlled: 1 },
          ],
        }),
        wait(50),
        reap(1, 2),
      ],
    },
    {
      name: "a connection under a retired template still assures it",
      plan: planOf(wire, {}, {}, { method: "nat", port: 8080 }),
      steps: [
        tcp("a1", "S", 0),
        remove(0),
        tcp("a2", "S", 1),
        restore(0),
        tcp("a1", "A", 0),
        see({
          templates: [
            { to: 0, seconds: 300, controlled: 1, isAssured: true, isRetired: true },
            { to: 1, seconds: 300, controlled: 1 },
          ],
        }),
      ],
    },
  ];
}

/** Where there is no room. */
function room(wire: Wire): readonly Story[] {
  return [
    {
      name: "where no template fits the client is refused; those who are bound are not",
      plan: { ...planOf(wire), maximumConnections: 2 },
      steps: [
        tcp("a1", "S", 0),
        tcp("a1", "A", 0),
        tcp("b1", "S", 1),
        tcp("c1", "S", "templatesFull"),
        wait(60),
        reap(1, 0),
        tcp("b2", "S", 1),
        tcp("c1", "S", "templatesFull"),
        wait(300),
        reap(1, 1),
        tcp("c1", "S", 0),
      ],
    },
    {
      name: "a connection that finds no room leaves its template behind, with nobody under it",
      plan: { ...planOf(wire), maximumConnections: 2 },
      steps: [
        tcp("a1", "S", 0),
        tcp("a2", "S", 0),
        tcp("b1", "S", "tableFull"),
        see({
          templates: [
            { to: 0, seconds: 300, controlled: 2 },
            { to: 1, seconds: 300, controlled: 0 },
          ],
          counts: [
            [2, 0],
            [0, 0],
          ],
        }),
      ],
    },
    {
      name: "a template that is to be retired and finds no room ends",
      plan: { ...planOf(wire), maximumConnections: 1, settings: { onRemoval: "reschedule" } },
      steps: [
        tcp("a1", "S", 0),
        remove(0),
        tcp("a1", "S", 1),
        see({
          templates: [{ to: 1, seconds: 300, controlled: 1 }],
          counts: [
            [0, 0],
            [1, 0],
          ],
        }),
      ],
    },
  ];
}

export function persistence(wire: Wire): readonly Story[] {
  return [...keys(wire), ...times(wire), ...assurance(wire), ...bonds(wire), ...room(wire)];
}
