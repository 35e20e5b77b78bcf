// What is counted of handshakes, for whoever checks servers: those that began, were completed, were refused, and SYNs
// that came again. A server that is seen one way only is known by what its clients send.

import { type MethodName, methods } from "../../src/index.ts";
import type { Wire } from "../packets/wire.ts";
import type { BalancerPlan } from "../plan.ts";
import { reap, reply, see, set, type Story, tcp, udp, wait } from "./story.ts";

function planOf({ vip, servers }: Wire, method: MethodName): BalancerPlan {
  const destinations = [servers[0], servers[1]].map((address) => ({ address, method }));
  return { services: [{ address: vip, port: 80, destinations }] };
}

const allMethods = Object.keys(methods) as readonly MethodName[];

/** The stories. */
export const handshakes = (wire: Wire): readonly Story[] => [
  ...allMethods.flatMap((method): Story[] => [
    {
      name: `by ${method}: SYNs that nobody answers, and one that is answered`,
      plan: planOf(wire, method),
      steps: [
        tcp("a1", "S", 0),
        tcp("a2", "S", 1),
        tcp("a1", "S", 0),
        tcp("a1", "S", 0),
        see({ handshakes: [{ begun: 1, repeated: 2 }, { begun: 1 }] }),
        tcp("a2", "A", 1),
        tcp("a2", "PA", 1),
        tcp("a2", "S", 1),
        see({
          handshakes: [
            { begun: 1, repeated: 2 },
            { begun: 1, done: 1 },
          ],
        }),
        // Given up, and begun anew on the same port.
        wait(60),
        tcp("a1", "S", 0),
        see({
          handshakes: [
            { begun: 2, repeated: 2 },
            { begun: 1, done: 1 },
          ],
        }),
      ],
    },
    {
      name: `by ${method}: what opens no handshake counts as none`,
      plan: { services: [{ ...planOf(wire, method).services[0], port: 53, protocol: "udp" }] } as BalancerPlan,
      steps: [udp("a1", 0), udp("a1", 0), tcp("a1", "S", "noService"), see({ handshakes: [{}, {}] })],
    },
    {
      name: `by ${method}: a client that goes away before it is complete refuses nothing`,
      plan: planOf(wire, method),
      steps: [tcp("a1", "S", 0), tcp("a1", "R", 0), tcp("a1", "RA", 0), see({ handshakes: [{ begun: 1 }, {}] })],
    },
  ]),
  {
    name: "a server's reset refuses a handshake that is not complete, and no other",
    plan: planOf(wire, "nat"),
    steps: [
      tcp("a1", "S", 0),
      reply("a1", "RA"),
      see({ handshakes: [{ begun: 1, refused: 1 }, {}] }),
      reply("a1", "RA"),
      tcp("a2", "S", 1),
      reply("a2", "SA"),
      tcp("a2", "A", 1),
      reply("a2", "R"),
      see({
        handshakes: [
          { begun: 1, refused: 1 },
          { begun: 1, done: 1 },
        ],
      }),
      // The same connection, once more.
      tcp("a1", "S", 0),
      reply("a1", "R"),
      see({
        handshakes: [
          { begun: 2, refused: 2 },
          { begun: 1, done: 1 },
        ],
      }),
      wait(10),
      reap(2),
    ],
  },
  {
    name: "under attack, what the server says completes a handshake",
    plan: planOf(wire, "nat"),
    steps: [
      set({ rules: "secure" }),
      tcp("a1", "S", 0),
      reply("a1", "SA"),
      tcp("a1", "A", 0),
      see({ handshakes: [{ begun: 1 }, {}] }),
      reply("a1", "A"),
      see({ handshakes: [{ begun: 1, done: 1 }, {}] }),
    ],
  },
];
