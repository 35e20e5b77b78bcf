// What becomes of connections besides ageing: their port is used again, their server is removed or quiesced (behaviour
// reference §7).

import type { MethodName } from "../../src/index.ts";
import type { Wire } from "../packets/wire.ts";
import type { BalancerPlan, ServicePlan, SettingsPlan } from "../plan.ts";
import { down, reap, remove, reply, restore, see, type Step, type Story, tcp, udp, up, wait, weigh } from "./story.ts";

function planOf(
  { vip, servers }: Wire,
  settings: SettingsPlan,
  service: Partial<ServicePlan> = {},
  method: MethodName = "dr",
): BalancerPlan {
  const destinations = [servers[0], servers[1]].map((address) => ({ address, method }));
  return { services: [{ address: vip, port: 80, destinations, ...service }], settings };
}

/** How a connection to the first server comes into each state. */
const into: Readonly<Record<string, readonly Step[]>> = {
  SYN_RECV: [tcp("a1", "S", 0)],
  ESTABLISHED: [tcp("a1", "S", 0), tcp("a1", "A", 0)],
  FIN_WAIT: [tcp("a1", "S", 0), tcp("a1", "A", 0), tcp("a1", "FA", 0)],
  TIME_WAIT: [tcp("a1", "S", 0), tcp("a1", "FA", 0)],
  CLOSE: [tcp("a1", "S", 0), tcp("a1", "A", 0), tcp("a1", "R", 0)],
};
const ended: Readonly<Record<number, readonly string[]>> = {
  0: [],
  1: ["TIME_WAIT", "CLOSE"],
  2: ["TIME_WAIT", "CLOSE", "FIN_WAIT"],
  3: ["TIME_WAIT", "CLOSE", "FIN_WAIT"],
};

function reuse(wire: Wire): readonly Story[] {
  const byDirect = Object.entries(ended).flatMap(([mode, states]) =>
    Object.entries(into).map(([state, steps]): Story => {
      const isAnew = states.includes(state);
      const name = `mode ${mode}: a SYN in ${state} ${isAnew ? "is scheduled anew" : "goes on"}`;
      const after = isAnew ? see({ scheduled: [1, 1] }) : see({ scheduled: [1, 0] });
      return {
        name,
        plan: planOf(wire, { reuseMode: Number(mode) }),
        steps: [...steps, tcp("a1", "S", isAnew ? 1 : 0), after],
      };
    }),
  );
  return [
    ...byDirect,
    {
      name: "where both ways are seen FIN_WAIT is not an end: the server may have more to say",
      plan: planOf(wire, { reuseMode: 3 }, {}, "nat"),
      steps: [tcp("a1", "S", 0), tcp("a1", "A", 0), reply("a1", "FA"), tcp("a1", "S", 0)],
    },
    {
      name: "and TIME_WAIT is: the server's answers come from the new one",
      plan: planOf(wire, { reuseMode: 1 }, {}, "nat"),
      steps: [
        tcp("a1", "S", 0),
        tcp("a1", "A", 0),
        reply("a1", "FA"),
        tcp("a1", "FA", 0),
        tcp("a1", "S", 1),
        see({
          states: { a1: "SYN_RECV 60" },
          counts: [
            [0, 0],
            [1, 0],
          ],
        }),
        reply("a1", "SA"),
      ],
    },
    {
      name: "what ends is counted while the scheduler chooses: its server has no room for the new one",
      plan: {
        services: [
          {
            address: wire.vip,
            port: 80,
            scheduler: "fo",
            destinations: [
              { address: wire.servers[0], method: "dr", weight: 9, upperThreshold: 1 },
              { address: wire.servers[1], method: "dr" },
            ],
          },
        ],
        settings: { reuseMode: 1 },
      },
      steps: [
        ...(into["CLOSE"] ?? []),
        tcp("a1", "S", 1),
        see({
          counts: [
            [0, 0],
            [1, 0],
          ],
          overloaded: [false, false],
        }),
      ],
    },
    {
      name: "where nobody takes the new one, the old one has ended all the same",
      plan: planOf(wire, { reuseMode: 1 }),
      steps: [
        ...(into["CLOSE"] ?? []),
        weigh(0, 0),
        tcp("a1", "S", "noDestination"),
        tcp("a1", "A", "notOpening"),
        see({
          counts: [
            [0, 1],
            [0, 0],
          ],
        }),
        reap(1),
        see({
          counts: [
            [0, 0],
            [0, 0],
          ],
        }),
      ],
    },
    {
      name: "what is under a template stays there",
      plan: planOf(wire, { reuseMode: 3 }, { persistence: { seconds: 300 } }),
      steps: [...(into["CLOSE"] ?? []), tcp("b1", "S", 1), tcp("a1", "S", 0), see({ scheduled: [1, 1] })],
    },
  ];
}

/** Both servers have a connection; the first is removed. */
const open = [tcp("a1", "S", 0), tcp("a1", "A", 0), tcp("b1", "S", 1), remove(0)];

function removal(wire: Wire): readonly Story[] {
  return [
    {
      name: "drop: packets of a removed server's connections vanish and do not keep them; those of others go on",
      plan: planOf(wire, {}),
      steps: [
        ...open,
        wait(10),
        tcp("a1", "A", "destinationRemoved"),
        tcp("a1", "S", "destinationRemoved"),
        see({
          states: { a1: "ESTABLISHED 890" },
          counts: [
            [1, 0],
            [1, 0],
          ],
        }),
        tcp("b1", "A", 1),
        tcp("c1", "S", 1),
        tcp("c2", "S", 1),
      ],
    },
    {
      name: "drop: put back, the server has its connections again",
      plan: planOf(wire, {}),
      steps: [...open, tcp("a1", "A", "destinationRemoved"), restore(0), tcp("a1", "A", 0), tcp("c1", "S", 0)],
    },
    {
      name: "drop: replies of a removed server still go back",
      plan: planOf(wire, {}, {}, "nat"),
      steps: [...open, reply("a1", "A"), tcp("a1", "A", "destinationRemoved")],
    },
    {
      name: "drop: a SYN on an ended connection is scheduled anew before anybody asks for its server",
      plan: planOf(wire, { reuseMode: 1 }),
      steps: [tcp("a1", "S", 0), tcp("a1", "A", 0), tcp("a1", "R", 0), remove(0), tcp("a1", "S", 1)],
    },
    {
      name: "reset: the client is told, whatever it sends; a datagram has no reset",
      plan: planOf(wire, { onRemoval: "reset" }, { alsoAt: [{ address: wire.vip, port: 53, protocol: "udp" }] }),
      steps: [
        tcp("a1", "S", 0),
        udp("b1", 1),
        udp("c1", 0),
        remove(0),
        tcp("a1", "A", "answered"),
        tcp("a1", "S", "answered"),
        tcp("a1", "R", "destinationRemoved"),
        udp("c1", "destinationRemoved"),
        udp("b1", 1),
      ],
    },
    {
      name: "reschedule: a SYN gets another server, anything else has no connection any more",
      plan: planOf(wire, { onRemoval: "reschedule" }),
      steps: [
        ...open,
        tcp("a1", "A", "notOpening"),
        see({
          states: { a1: "ESTABLISHED 0" },
          counts: [
            [1, 0],
            [1, 0],
          ],
        }),
        tcp("a1", "S", 1),
        see({
          states: { a1: "SYN_RECV 60" },
          counts: [
            [0, 0],
            [2, 0],
          ],
        }),
      ],
    },
    {
      name: "reschedule: datagrams go on with another server at once",
      plan: planOf(wire, { onRemoval: "reschedule" }, { port: 53, protocol: "udp" }),
      steps: [
        udp("a1", 0),
        udp("b1", 1),
        remove(0),
        udp("a1", 1),
        see({
          counts: [
            [0, 0],
            [0, 2],
          ],
        }),
      ],
    },
    {
      name: "found down: a SYN that nobody has answered goes elsewhere, also after FIN; who is connected stays",
      plan: planOf(wire, {}),
      steps: [
        ...[tcp("a1", "S", 0), tcp("a2", "S", 1), tcp("a3", "S", 0), tcp("a3", "A", 0), tcp("a4", "S", 1)],
        ...[tcp("a5", "S", 0), tcp("a5", "A", 0), tcp("a5", "FA", 0)],
        weigh(0, 1),
        tcp("a1", "S", 0),
        down(0),
        ...[tcp("a1", "S", 1), tcp("a3", "S", 0), tcp("a3", "A", 0), tcp("a5", "A", 0), tcp("a5", "S", 1)],
        ...[up(0), weigh(1, 1), tcp("a1", "S", 1)],
      ],
    },
    {
      name: "reschedule: also a SYN on a live connection of a server of weight 0, but nothing else",
      plan: planOf(wire, { onRemoval: "reschedule" }),
      steps: [tcp("a1", "S", 0), tcp("a1", "A", 0), weigh(0, 1), tcp("a1", "A", 0), tcp("a1", "S", 1)],
    },
    {
      name: "reschedule: a template that leads to a quiesced server leads there again",
      plan: planOf(wire, { onRemoval: "reschedule" }, { persistence: { seconds: 300 } }),
      steps: [
        tcp("a1", "S", 0),
        tcp("a1", "A", 0),
        weigh(0, 1),
        tcp("a1", "S", 0),
        see({ templates: [{ to: 0, seconds: 300, controlled: 1, isAssured: true }], scheduled: [2, 0] }),
      ],
    },
    {
      name: "reschedule: the daemon may end what belongs to removed servers at once",
      plan: planOf(wire, { onRemoval: "reschedule" }, { persistence: { seconds: 300 } }),
      steps: [
        ...open,
        { kind: "reap", ended: [1, 1], of: "ofRemoved" },
        see({
          templates: [{ to: 1, seconds: 300, controlled: 1 }],
          counts: [
            [0, 0],
            [1, 0],
          ],
        }),
        tcp("b1", "A", 1),
        restore(0),
        { kind: "reap", ended: [0, 0], of: "ofRemoved" },
      ],
    },
    {
      name: "a removed server's connections leave its counts as they end",
      plan: planOf(wire, {}),
      steps: [
        ...open,
        wait(60),
        reap(1),
        see({
          counts: [
            [1, 0],
            [0, 0],
          ],
        }),
        wait(840),
        reap(1),
        see({
          counts: [
            [0, 0],
            [0, 0],
          ],
        }),
      ],
    },
  ];
}

export function endings(wire: Wire): readonly Story[] {
  return [...reuse(wire), ...removal(wire)];
}
