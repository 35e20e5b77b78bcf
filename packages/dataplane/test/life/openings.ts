// Who may open a connection, and how many: what opens one, one-packet scheduling, caps, shedding (behaviour reference
// §2, §6 and §8).

import type { Wire } from "../packets/wire.ts";
import type { BalancerPlan, ServicePlan, SettingsPlan } from "../plan.ts";
import { reap, reply, see, set, type Story, tcp, udp, wait, weigh } from "./story.ts";

function planOf({ vip, servers }: Wire, service: Partial<ServicePlan>, settings: SettingsPlan = {}): BalancerPlan {
  const destinations = [servers[0], servers[1]].map((address) => ({ address, method: "dr" as const }));
  return { services: [{ address: vip, port: 80, destinations, ...service }], settings };
}

const FROM_20 = "a-39980" as "a1";

function packets(wire: Wire): readonly Story[] {
  return [
    {
      name: "only a SYN opens, whatever else is set but RST",
      plan: planOf(wire, {}),
      steps: [
        ...["A", "PA", "FA", "R", "RA", "SR", ""].map((flags) => tcp("a1", flags, "notOpening")),
        tcp("a1", "SA", 0),
        tcp("a2", "SF", 1),
      ],
    },
    {
      name: "sloppy: any packet but RST opens, in the state that it leads to",
      plan: planOf(wire, {}, { sloppyTcp: true }),
      steps: [
        tcp("a1", "R", "notOpening"),
        tcp("a1", "SR", "notOpening"),
        tcp("a1", "A", 0),
        tcp("a2", "FA", 1),
        tcp("a3", "", 0),
        tcp("a4", "S", 1),
        see({
          states: { a1: "ESTABLISHED 900", a2: "CLOSE 10", a3: "CLOSE 10", a4: "SYN_RECV 60" },
          counts: [
            [1, 1],
            [1, 1],
          ],
        }),
      ],
    },
    {
      name: "port 20 opens as any other, unless IPVS's way is wished; known connections go on",
      plan: planOf(wire, {}),
      steps: [
        tcp(FROM_20, "S", 0),
        set({ refuseSourcePort20: true }),
        tcp(FROM_20, "A", 0),
        wait(900),
        reap(1),
        tcp(FROM_20, "S", "sourcePort20"),
      ],
    },
    {
      name: "of those that would open one is shed: the first, then every third",
      plan: planOf(wire, {}, { dropRate: 3 }),
      steps: [
        tcp("a1", "S", "shed"),
        tcp("a1", "S", 0),
        tcp("a1", "A", 0),
        tcp("a2", "A", "notOpening"),
        tcp("a2", "S", 1),
        tcp("a3", "S", "shed"),
        tcp("b1", "S", 0),
        tcp("b2", "S", 1),
        tcp("b3", "S", "shed"),
        set({ dropRate: 0 }),
        tcp("c1", "S", 0),
        tcp("c2", "S", 1),
      ],
    },
    {
      name: "a rate of one sheds all",
      plan: planOf(wire, {}, { dropRate: 1 }),
      steps: [tcp("a1", "S", "shed"), tcp("a1", "S", "shed"), set({ dropRate: 0 }), tcp("a1", "S", 0)],
    },
    {
      name: "port 20 takes part in shedding before it is refused, as in IPVS",
      plan: planOf(wire, {}, { dropRate: 2, refuseSourcePort20: true }),
      steps: [tcp(FROM_20, "S", "shed"), tcp(FROM_20, "S", "sourcePort20"), tcp("a1", "S", "shed"), tcp("a1", "S", 0)],
    },
    {
      name: "where nobody takes it the client is told, if that is wished; not by IPv4 for a mark",
      plan: planOf(wire, { persistence: { seconds: 300, covers: "mark" } }, { refusesByIcmp: true }),
      steps: [weigh(0, 0), tcp("a1", "S", wire.family === "ipv4" ? "silentRefusal" : "answered")],
    },
  ];
}

function onePacket(wire: Wire): readonly Story[] {
  const { vip, servers } = wire;
  const service = { port: 53, protocol: "udp", onePacket: true } as const;
  const nothing = [
    [0, 0],
    [0, 0],
  ] as const;
  return [
    {
      name: "every datagram is scheduled, and counted as scheduled; none is kept",
      plan: planOf(wire, service),
      steps: [
        udp("a1", 0),
        udp("a1", 1),
        udp("a1", 0),
        see({ counts: nothing, scheduled: [2, 1], states: { a1: "none" } }),
      ],
    },
    {
      name: "wlc never sees a count",
      plan: planOf(wire, { ...service, scheduler: "wlc" }),
      steps: [udp("a1", 0), udp("a1", 0), udp("b1", 0), see({ counts: nothing, scheduled: [3, 0] })],
    },
    {
      name: "an answer through the director belongs to no connection and goes on as it is",
      plan: planOf(wire, { ...service, destinations: [{ address: servers[0], port: 5353 }] }),
      steps: [udp("a1", 0), reply("a1", "", "noService", { protocol: "udp" }), see({ counts: [[0, 0]] })],
    },
    {
      name: "it is for datagrams only",
      plan: planOf(wire, { ...service, alsoAt: [{ address: vip, port: 80 }] }),
      steps: [
        tcp("a1", "S", 0),
        tcp("a1", "A", 0),
        udp("a1", 1),
        udp("a1", 0),
        see({
          counts: [
            [1, 0],
            [0, 0],
          ],
        }),
      ],
    },
    {
      name: "a persistent client stays with its server, by a template with nobody under it",
      plan: planOf(wire, { ...service, persistence: { seconds: 10 } }),
      steps: [
        udp("a1", 0),
        udp("b1", 1),
        udp("a1", 0),
        wait(5),
        udp("a1", 0),
        see({
          templates: [
            { to: 0, seconds: 10, controlled: 0 },
            { to: 1, seconds: 5, controlled: 0 },
          ],
          scheduled: [3, 1],
          counts: nothing,
        }),
        wait(5),
        reap(0, 1),
        wait(5),
        reap(0, 1),
        udp("a1", 0),
      ],
    },
    {
      name: "thresholds are not reached by what is not kept",
      plan: planOf(wire, {
        ...service,
        destinations: [{ address: servers[0], method: "dr", upperThreshold: 1 }],
      }),
      steps: [udp("a1", 0), udp("a2", 0), see({ overloaded: [false] })],
    },
  ];
}

function caps(wire: Wire): readonly Story[] {
  return [
    {
      name: "so many new connections in a second; known ones go on",
      plan: planOf(wire, { newPerSecond: 2 }),
      steps: [
        tcp("a1", "S", 0),
        tcp("a2", "S", 1),
        tcp("a3", "S", "tooManyNew"),
        tcp("a1", "A", 0),
        tcp("a1", "S", 0),
        wait(0.996),
        tcp("a3", "S", "tooManyNew"),
        wait(0.004),
        tcp("a3", "S", 0),
        tcp("a4", "S", 1),
        tcp("a5", "S", "tooManyNew"),
      ],
    },
    {
      name: "a second begins with the first that comes in it",
      plan: planOf(wire, { newPerSecond: 1 }),
      steps: [
        tcp("a1", "S", 0),
        wait(1.5),
        tcp("a2", "S", 1),
        wait(0.9),
        tcp("a3", "S", "tooManyNew"),
        wait(0.1),
        tcp("a3", "S", 0),
      ],
    },
    {
      name: "so many half open at once: an established one makes room, and one that ends",
      plan: planOf(wire, { halfOpenMaximum: 2 }),
      steps: [
        tcp("a1", "S", 0),
        tcp("a2", "S", 1),
        see({ halfOpen: [2] }),
        tcp("a3", "S", "tooManyHalfOpen"),
        tcp("a1", "A", 0),
        see({ halfOpen: [1] }),
        tcp("a3", "S", 0),
        tcp("a4", "S", "tooManyHalfOpen"),
        tcp("a1", "S", 0),
        wait(60),
        tcp("a4", "S", "tooManyHalfOpen"),
        reap(2),
        see({ halfOpen: [0] }),
        tcp("a4", "S", 1),
      ],
    },
    {
      name: "a known connection that is half open again counts, and is not refused",
      plan: planOf(wire, { halfOpenMaximum: 1 }),
      steps: [
        tcp("a1", "S", 0),
        tcp("a1", "FA", 0),
        see({ halfOpen: [0] }),
        tcp("a2", "S", 1),
        tcp("a1", "S", 0),
        see({ halfOpen: [2] }),
        tcp("a3", "S", "tooManyHalfOpen"),
      ],
    },
    {
      name: "each service has caps of its own, and datagrams are never half open",
      plan: {
        services: [
          ...planOf(wire, { halfOpenMaximum: 1 }).services,
          ...planOf(wire, { port: 53, protocol: "udp", halfOpenMaximum: 1, newPerSecond: 3 }).services,
        ],
      },
      steps: [
        tcp("a1", "S", 0),
        tcp("a2", "S", "tooManyHalfOpen"),
        udp("a1", 2),
        udp("a2", 3),
        udp("a3", 2),
        udp("a4", "tooManyNew"),
        see({ halfOpen: [1, 0] }),
      ],
    },
  ];
}

export function openings(wire: Wire): readonly Story[] {
  return [...packets(wire), ...onePacket(wire), ...caps(wire)];
}
