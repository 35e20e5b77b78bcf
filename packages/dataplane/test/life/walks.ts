// The state of a connection after every packet, how long it lives in it, and whether it counts as active: behaviour
// reference §4.

import type { MethodName, TransitionRules } from "../../src/index.ts";
import type { Wire } from "../packets/wire.ts";
import type { BalancerPlan } from "../plan.ts";
import { reply, see, type Step, type Story, tcp, udp, wait } from "./story.ts";

/** Seconds of each state, and whether it is active. */
const of = {
  SYN_RECV: [60, "active"],
  ESTABLISHED: [900, "active"],
  SYN_SENT: [120, "active"],
  SYNACK: [120, "active"],
  FIN_WAIT: [120, "inactive"],
  TIME_WAIT: [120, "inactive"],
  CLOSE: [10, "inactive"],
  CLOSE_WAIT: [60, "inactive"],
} as const;

/** A packet from the client (`>`) or the server (`<`), with its flags, and the state behind it. */
type Line = `${">" | "<"} ${string} ${keyof typeof of}`;

function stepsOf(lines: readonly Line[]): Step[] {
  return lines.flatMap((line) => {
    const [direction, flags, state] = line.split(" ") as [string, string, keyof typeof of];
    const [seconds, kind] = of[state];
    const packet =
      direction === ">" ? tcp("a1", flags === "-" ? "" : flags, 0) : reply("a1", flags === "-" ? "" : flags);
    const counts = kind === "active" ? ([[1, 0]] as const) : ([[0, 1]] as const);
    return [packet, see({ states: { a1: `${state} ${seconds}` }, counts }), wait(1)];
  });
}

function planOf({ vip, servers }: Wire, method: MethodName, rules: TransitionRules = "normal"): BalancerPlan {
  return {
    services: [{ address: vip, port: 80, destinations: [{ address: servers[0], method }] }],
    settings: { rules },
  };
}

const byNat: Readonly<Record<string, readonly Line[]>> = {
  "the client closes first": [
    "> S SYN_RECV",
    "< SA SYN_RECV",
    "> A ESTABLISHED",
    "> PA ESTABLISHED",
    "< PA ESTABLISHED",
    "> FA CLOSE_WAIT",
    "< A CLOSE_WAIT",
    "< FA TIME_WAIT",
    "> A TIME_WAIT",
  ],
  "the server closes first": [
    "> S SYN_RECV",
    "> A ESTABLISHED",
    "< FA FIN_WAIT",
    "> A FIN_WAIT",
    "< A FIN_WAIT",
    "> FA TIME_WAIT",
    "< A TIME_WAIT",
  ],
  "the port is used again without being scheduled anew": [
    "> S SYN_RECV",
    "> A ESTABLISHED",
    "> S ESTABLISHED",
    "> R CLOSE",
    "> S SYN_RECV",
    "> A ESTABLISHED",
    "< FA FIN_WAIT",
    "> S SYN_RECV",
    "> FA TIME_WAIT",
    "> S SYN_RECV",
  ],
  resets: [
    "> S SYN_RECV",
    "> R SYN_RECV",
    "< RA CLOSE",
    "> A CLOSE",
    "> S SYN_RECV",
    "> A ESTABLISHED",
    "< R CLOSE",
    "< A CLOSE",
    "< FA CLOSE",
  ],
  "both open at once": [
    "> S SYN_RECV",
    "< FA TIME_WAIT",
    "< S SYN_SENT",
    "> A SYN_SENT",
    "> FA SYN_SENT",
    "< A SYN_SENT",
    "< FA SYN_SENT",
    "< R SYN_SENT",
    "> S ESTABLISHED",
    "> - CLOSE",
    "< S SYN_SENT",
    "> R CLOSE",
  ],
  "a packet without flags closes": ["> S SYN_RECV", "> A ESTABLISHED", "< - CLOSE", "> S SYN_RECV", "> - CLOSE"],
  "time waits through a reset of the server": ["> S SYN_RECV", "> FA TIME_WAIT", "< R TIME_WAIT", "> R CLOSE"],
  "a half-closed connection is reset": ["> S SYN_RECV", "> A ESTABLISHED", "> FA CLOSE_WAIT", "> R CLOSE"],
};

const direct: Readonly<Record<string, readonly Line[]>> = {
  "only the client is seen": [
    "> S SYN_RECV",
    "> A ESTABLISHED",
    "> FA FIN_WAIT",
    "> A FIN_WAIT",
    "> FA FIN_WAIT",
    "> S SYN_RECV",
    "> FA TIME_WAIT",
    "> A TIME_WAIT",
    "> FA TIME_WAIT",
    "> S SYN_RECV",
  ],
  resets: ["> S SYN_RECV", "> R SYN_RECV", "> A ESTABLISHED", "> RA CLOSE", "> A CLOSE", "> FA CLOSE", "> S SYN_RECV"],
  "a packet without flags closes": ["> S SYN_RECV", "> A ESTABLISHED", "> - CLOSE"],
};

const oneWay: readonly Line[] = [
  ...(["> S SYNACK", "> A ESTABLISHED", "> FA FIN_WAIT", "> S SYNACK"] as const),
  ...(["> FA TIME_WAIT", "> S SYNACK", "> R CLOSE"] as const),
];
/** Under secure_tcp nothing but what the server says establishes; where it says nothing, a SYN asks for it. */
const secure: Readonly<Record<"nat" | "dr" | "tun", readonly Line[]>> = {
  nat: [
    "> S SYN_RECV",
    "> A SYN_RECV",
    "< SA SYNACK",
    "> A SYNACK",
    "> FA SYNACK",
    "< A ESTABLISHED",
    "> FA CLOSE_WAIT",
    "< FA TIME_WAIT",
    "> S SYN_RECV",
    "< SA SYNACK",
    "> R CLOSE",
  ],
  dr: oneWay,
  tun: oneWay,
};

function ofUdp(wire: Wire, method: MethodName): Story {
  const { vip, servers } = wire;
  const destinations = [{ address: servers[0], method }];
  const inactive = see({ states: { a1: "UDP 300" }, counts: [[0, 1]] });
  const back = method === "nat" ? [reply("a1", "", "back", { protocol: "udp" }), inactive, wait(9)] : [];
  return {
    name: `${method}: datagrams are never active, and each way keeps the connection`,
    plan: { services: [{ address: vip, port: 53, protocol: "udp", destinations }] },
    steps: [udp("a1", 0), inactive, wait(5), ...back, udp("a1", 0), inactive, wait(299), udp("a1", 0), inactive],
  };
}

/** Walks through every state that packets lead to. */
export function walks(wire: Wire): readonly Story[] {
  const stories = (method: MethodName, all: Readonly<Record<string, readonly Line[]>>) =>
    Object.entries(all).map(([name, lines]): Story => {
      return { name: `${method}: ${name}`, plan: planOf(wire, method), steps: stepsOf(lines) };
    });
  const bySecureRules = (["nat", "dr", "tun"] as const).map((method): Story => {
    return { name: `${method}: secure rules`, plan: planOf(wire, method, "secure"), steps: stepsOf(secure[method]) };
  });
  return [
    ...stories("nat", byNat),
    ...stories("dr", direct),
    ...stories("tun", direct),
    ...bySecureRules,
    ofUdp(wire, "nat"),
    ofUdp(wire, "dr"),
    ...timers(wire),
  ];
}

/** To the tick: what lives, and what an expired connection still is. */
function timers(wire: Wire): readonly Story[] {
  const plan = planOf(wire, "dr");
  return [
    {
      name: "a connection whose time is up is gone for packets, and counted until the reaper comes",
      plan,
      steps: [
        tcp("a1", "S", 0),
        wait(59),
        tcp("a1", "FA", 0),
        wait(120),
        tcp("a1", "A", "notOpening"),
        see({ counts: [[0, 1]], states: { a1: "TIME_WAIT 0" } }),
        { kind: "reap", ended: [1, 0] },
        see({ counts: [[0, 0]], states: { a1: "none" } }),
      ],
    },
    {
      name: "a packet in the last second keeps it",
      plan,
      steps: [tcp("a1", "S", 0), tcp("a1", "A", 0), wait(899), tcp("a1", "A", 0), wait(899), tcp("a1", "PA", 0)],
    },
    {
      name: "a SYN on an expired connection opens another in its place",
      plan,
      steps: [
        tcp("a1", "S", 0),
        tcp("a1", "A", 0),
        wait(900),
        tcp("a1", "S", 0),
        see({ states: { a1: "SYN_RECV 60" }, counts: [[1, 0]], scheduled: [2] }),
      ],
    },
  ];
}
