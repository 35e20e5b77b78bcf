// Thresholds: connections at which a destination gets no more, and below which it does again (behaviour reference §5).

import type { Wire } from "../packets/wire.ts";
import type { BalancerPlan, DestinationPlan, ServicePlan } from "../plan.ts";
import { edit, reap, see, type Story, tcp, udp, wait, weigh } from "./story.ts";

/** fo takes the heaviest that is not overloaded: the second gets what the first may not have. */
function planOf(
  { vip, servers }: Wire,
  [first, second = {}]: readonly Partial<DestinationPlan>[],
  service: Partial<ServicePlan> = {},
): BalancerPlan {
  const destinations = [
    { address: servers[0], method: "dr" as const, weight: 9, ...first },
    { address: servers[1], method: "dr" as const, weight: 1, ...second },
  ];
  return { services: [{ address: vip, port: 80, scheduler: "fo", destinations, ...service }] };
}

const up = (...overloaded: boolean[]) => see({ overloaded });

function points(wire: Wire): readonly Story[] {
  return [
    {
      name: "the connection that reaches the upper threshold is served, the next goes elsewhere",
      plan: planOf(wire, [{ upperThreshold: 2 }]),
      steps: [
        tcp("a1", "S", 0),
        up(false, false),
        tcp("a2", "S", 0),
        up(true, false),
        tcp("a3", "S", 1),
        tcp("a1", "A", 0),
      ],
    },
    {
      name: "without a lower one, three quarters of the upper, rounded up, is where it comes down from: 4 gives 3",
      plan: planOf(wire, [{ upperThreshold: 4 }]),
      steps: [
        ...([1, 2, 3, 4] as const).map((port) => tcp(`a${port}`, "S", 0)),
        ...([2, 3, 4] as const).map((port) => tcp(`a${port}`, "A", 0)),
        tcp("a2", "R", 0),
        up(true, false),
        wait(10),
        reap(1),
        see({
          counts: [
            [3, 0],
            [0, 0],
          ],
          overloaded: [true, false],
        }),
        tcp("a5", "S", 1),
        wait(50),
        reap(1),
        see({
          counts: [
            [2, 0],
            [1, 0],
          ],
          overloaded: [false, false],
        }),
        tcp("a6", "S", 0),
        up(false, false),
        tcp("a7", "S", 0),
        up(true, false),
      ],
    },
    {
      name: "with a lower one of 1 it comes down when the last connection has ended",
      plan: planOf(wire, [{ upperThreshold: 3, lowerThreshold: 1 }]),
      steps: [
        ...([1, 2, 3] as const).map((port) => tcp(`a${port}`, "S", 0)),
        tcp("a3", "A", 0),
        wait(60),
        reap(2),
        see({
          counts: [
            [1, 0],
            [0, 0],
          ],
          overloaded: [true, false],
        }),
        tcp("a4", "S", 1),
        wait(840),
        reap(2),
        see({
          counts: [
            [0, 0],
            [0, 0],
          ],
          overloaded: [false, false],
        }),
        tcp("a5", "S", 0),
      ],
    },
    {
      name: "closed connections count until their time is up",
      plan: planOf(wire, [{ upperThreshold: 2 }]),
      steps: [
        tcp("a1", "S", 0),
        tcp("a1", "FA", 0),
        tcp("a2", "S", 0),
        tcp("a2", "FA", 0),
        see({
          counts: [
            [0, 2],
            [0, 0],
          ],
          overloaded: [true, false],
        }),
        tcp("a3", "S", 1),
        wait(119),
        up(true, false),
        wait(1),
        tcp("a4", "S", 1),
        reap(3),
        up(false, false),
        tcp("a5", "S", 0),
      ],
    },
    {
      name: "a threshold of 1, and datagrams",
      plan: planOf(wire, [{ upperThreshold: 1 }], { port: 53, protocol: "udp" }),
      steps: [
        udp("a1", 0),
        up(true, false),
        udp("a1", 0),
        udp("a2", 1),
        wait(300),
        reap(2),
        up(false, false),
        udp("a3", 0),
      ],
    },
    {
      name: "where all are overloaded connections are refused",
      plan: planOf(wire, [{ upperThreshold: 1 }, { upperThreshold: 1 }]),
      steps: [
        tcp("a1", "S", 0),
        tcp("a2", "S", 1),
        up(true, true),
        tcp("a3", "S", "noDestination"),
        tcp("a1", "A", 0),
        wait(60),
        reap(1),
        tcp("a3", "S", 1),
      ],
    },
  ];
}

/** What people change. */
function edits(wire: Wire): readonly Story[] {
  const open = ([1, 2, 3, 4] as const).map((port) => tcp(`a${port}`, "S", 0));
  return [
    {
      name: "an upper threshold set at or below the total is reached at once, one above the total is not",
      plan: planOf(wire, [{ upperThreshold: 9 }]),
      steps: [
        ...open,
        edit(0, { upperThreshold: 4 }),
        up(true, false),
        tcp("a5", "S", 1),
        edit(0, { upperThreshold: 8 }),
        up(false, false),
        tcp("a6", "S", 0),
      ],
    },
    {
      name: "between the thresholds the flag stays as it is, whatever is edited",
      plan: planOf(wire, [{ upperThreshold: 4 }]),
      steps: [
        ...open,
        up(true, false),
        edit(0, { upperThreshold: 5 }),
        up(true, false),
        edit(0, { upperThreshold: 5, lowerThreshold: 4 }),
        up(true, false),
        edit(0, { upperThreshold: 6, lowerThreshold: 5 }),
        up(false, false),
        edit(0, { upperThreshold: 6, lowerThreshold: 4 }),
        up(false, false),
      ],
    },
    {
      name: "without an upper threshold nothing is overloaded",
      plan: planOf(wire, [{ upperThreshold: 4 }]),
      steps: [...open, up(true, false), edit(0, {}), up(false, false), tcp("a5", "S", 0)],
    },
    {
      name: "a change of weight does not touch the flag, and weight 0 takes nothing, overloaded or not",
      plan: planOf(wire, [{ upperThreshold: 4 }]),
      steps: [
        ...open,
        weigh(0, 1),
        up(true, false),
        tcp("a5", "S", 1),
        weigh(5, 1),
        up(true, false),
        tcp("a6", "S", 1),
      ],
    },
  ];
}

function beyond(wire: Wire): readonly Story[] {
  const persistent = { persistence: { seconds: 300 } };
  return [
    {
      name: "persistent clients keep coming; the flag goes down where it always does",
      plan: planOf(wire, [{ upperThreshold: 2 }], persistent),
      steps: [
        tcp("a1", "S", 0),
        tcp("a2", "S", 0),
        up(true, false),
        tcp("a3", "S", 0),
        tcp("a4", "S", 0),
        see({
          counts: [
            [4, 0],
            [0, 0],
          ],
          overloaded: [true, false],
        }),
        tcp("b1", "S", 1),
        tcp("a3", "A", 0),
        tcp("a4", "A", 0),
        wait(60),
        reap(3),
        see({
          counts: [
            [2, 0],
            [0, 0],
          ],
          overloaded: [true, false],
        }),
        tcp("a4", "R", 0),
        wait(10),
        reap(1),
        see({
          counts: [
            [1, 0],
            [0, 0],
          ],
          overloaded: [false, false],
        }),
      ],
    },
    {
      name: "a SYN that takes an ended connection's place counts beside it while it is scheduled",
      plan: {
        ...planOf(wire, [{ upperThreshold: 2 }]),
        settings: { reuseMode: 1 },
      },
      steps: [
        tcp("a1", "S", 0),
        tcp("a1", "A", 0),
        tcp("a1", "R", 0),
        up(false, false),
        tcp("a1", "S", 0),
        see({
          counts: [
            [1, 0],
            [0, 0],
          ],
          scheduled: [2, 0],
          overloaded: [false, false],
        }),
      ],
    },
  ];
}

export function thresholds(wire: Wire): readonly Story[] {
  return [...points(wire), ...edits(wire), ...beyond(wire)];
}
