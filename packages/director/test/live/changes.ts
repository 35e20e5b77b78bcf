// What each change of a live data plane does to the maps: the state before, the operation, the lines that go and come.

import type { BpfHost } from "@yardmaster/ebpf";
import { describe, expect, test } from "vitest";
import { LiveGround } from "./ground.ts";
import {
  add,
  change,
  edit,
  marked,
  nat,
  type Operation,
  other,
  put,
  remove,
  server,
  take,
  walkTwice,
  web,
  wide,
} from "./operations.ts";

interface Case {
  readonly name: string;
  readonly given: readonly Operation[];
  readonly when: Operation;
  readonly expected: readonly string[];
}

const ofLists: readonly Case[] = [
  {
    name: "a service comes with its servers in list order",
    given: [],
    when: web({ scheduler: "wrr", servers: [server(1, { weight: 4 }), server(2, { weight: 2 })] }),
    expected: [
      "+ tcp 198.51.100.10:80: wrr levels 3/2",
      "+ tcp 198.51.100.10:80: 10.0.0.1:80*4 10.0.0.2:80*2",
      "+ tcp 198.51.100.10:80 10.0.0.1:80 dr weight 4",
      "+ tcp 198.51.100.10:80 10.0.0.2:80 dr weight 2",
      "+ tcp 198.51.100.10:80 → tcp 198.51.100.10:80",
    ],
  },
  {
    name: "a server goes to the front, as in IPVS",
    given: [web()],
    when: put(server(3)),
    expected: [
      "- tcp 198.51.100.10:80: 10.0.0.1:80*1 10.0.0.2:80*1",
      "+ tcp 198.51.100.10:80: 10.0.0.3:80*1 10.0.0.1:80*1 10.0.0.2:80*1",
      "+ tcp 198.51.100.10:80 10.0.0.3:80 dr weight 1",
    ],
  },
  {
    name: "or to the end",
    given: [web()],
    when: put(server(3, { upperThreshold: 10 }), "last"),
    expected: [
      "- tcp 198.51.100.10:80: 10.0.0.1:80*1 10.0.0.2:80*1",
      "+ tcp 198.51.100.10:80: 10.0.0.1:80*1 10.0.0.2:80*1 10.0.0.3:80*1",
      "+ tcp 198.51.100.10:80 10.0.0.3:80 dr weight 1 8…10",
    ],
  },
  {
    name: "a server's weight changes where it stands",
    given: [web()],
    when: change(server(1, { weight: 0 })),
    expected: [
      "- tcp 198.51.100.10:80: 10.0.0.1:80*1 10.0.0.2:80*1",
      "- tcp 198.51.100.10:80 10.0.0.1:80 dr weight 1",
      "+ tcp 198.51.100.10:80: 10.0.0.1:80*0 10.0.0.2:80*1",
      "+ tcp 198.51.100.10:80 10.0.0.1:80 dr weight 0",
    ],
  },
  {
    name: "a removed server stays behind the others, marked",
    given: [web()],
    when: take("10.0.0.1:80"),
    expected: [
      "- tcp 198.51.100.10:80: 10.0.0.1:80*1 10.0.0.2:80*1",
      "- tcp 198.51.100.10:80 10.0.0.1:80 dr weight 1",
      "+ tcp 198.51.100.10:80: 10.0.0.2:80*1",
      "+ tcp 198.51.100.10:80: removed 10.0.0.1:80",
      "+ tcp 198.51.100.10:80 10.0.0.1:80 dr weight 1 removed",
      "+ 1 removed",
    ],
  },
  {
    name: "one that comes back is as any that is added",
    given: [web(), take("10.0.0.2:80")],
    when: put(server(2, { weight: 3 })),
    expected: [
      "- tcp 198.51.100.10:80: rr levels 1/1",
      "- tcp 198.51.100.10:80: 10.0.0.1:80*1",
      "- tcp 198.51.100.10:80: removed 10.0.0.2:80",
      "- tcp 198.51.100.10:80 10.0.0.2:80 dr weight 1 removed",
      "- 1 removed",
      "+ tcp 198.51.100.10:80: rr levels 3/1",
      "+ tcp 198.51.100.10:80: 10.0.0.2:80*3 10.0.0.1:80*1",
      "+ tcp 198.51.100.10:80 10.0.0.2:80 dr weight 3",
    ],
  },
  {
    name: "a removed service takes nothing more",
    given: [web()],
    when: remove(),
    expected: [
      "- tcp 198.51.100.10:80: rr levels 1/1",
      "- tcp 198.51.100.10:80: 10.0.0.1:80*1 10.0.0.2:80*1",
      "- tcp 198.51.100.10:80 10.0.0.1:80 dr weight 1",
      "- tcp 198.51.100.10:80 10.0.0.2:80 dr weight 1",
      "- tcp 198.51.100.10:80 → tcp 198.51.100.10:80",
      "+ 2 removed",
    ],
  },
  {
    name: "added again, it has its servers back as they are added",
    given: [web(), remove()],
    when: add({ forwarding: "dr", servers: [server(2)] }),
    expected: [
      "- 2 removed",
      "+ tcp 198.51.100.10:80: rr levels 1/1",
      "+ tcp 198.51.100.10:80: 10.0.0.2:80*1",
      "+ tcp 198.51.100.10:80: removed 10.0.0.1:80",
      "+ tcp 198.51.100.10:80 10.0.0.2:80 dr weight 1",
      "+ tcp 198.51.100.10:80 10.0.0.1:80 dr weight 1 removed",
      "+ tcp 198.51.100.10:80 → tcp 198.51.100.10:80",
      "+ 1 removed",
    ],
  },
];

const ofAttributes: readonly Case[] = [
  {
    name: "another scheduler, with a table and options",
    given: [web()],
    when: edit({ scheduler: "sh", schedulerOptions: ["sh-port", "sh-fallback"] }),
    expected: [
      "- tcp 198.51.100.10:80: rr levels 1/1",
      "+ tcp 198.51.100.10:80: sh options=3 tableLength=256 levels 1/1",
      "+ tcp 198.51.100.10:80: table of 256: 10.0.0.1:80, 10.0.0.2:80, 10.0.0.1:80 …; 10.0.0.1:80 × 128, 10.0.0.2:80 × 128",
    ],
  },
  {
    name: "a longer table, and the shorter one again",
    given: [web({ scheduler: "mh", tableSize: 4093 })],
    when: edit({ scheduler: "mh", tableSize: 251 }),
    expected: [
      "- tcp 198.51.100.10:80: mh tableLength=4093 levels 1/1",
      "- tcp 198.51.100.10:80: table of 4093: 10.0.0.1:80, 10.0.0.2:80, 10.0.0.2:80 …; 10.0.0.1:80 × 2047, 10.0.0.2:80 × 2046",
      "+ tcp 198.51.100.10:80: mh tableLength=251 levels 1/1",
      "+ tcp 198.51.100.10:80: table of 251: 10.0.0.2:80, 10.0.0.1:80, 10.0.0.1:80 …; 10.0.0.1:80 × 126, 10.0.0.2:80 × 125",
    ],
  },
  {
    name: "a scheduler without a table in the place of one with",
    given: [web({ scheduler: "dh" })],
    when: edit({ scheduler: "lblc" }),
    expected: [
      "- tcp 198.51.100.10:80: dh tableLength=256 levels 1/1",
      "- tcp 198.51.100.10:80: table of 256: 10.0.0.1:80, 10.0.0.2:80, 10.0.0.1:80 …; 10.0.0.1:80 × 128, 10.0.0.2:80 × 128",
      "+ tcp 198.51.100.10:80: lblc levels 1/1",
    ],
  },
  {
    name: "persistence and caps",
    given: [web()],
    when: edit({ persistence: { timeoutMs: 60_000, maskBits: 24 }, caps: { newPerSecond: 5, halfOpen: 7 } }),
    expected: [
      "- tcp 198.51.100.10:80: rr levels 1/1",
      "+ tcp 198.51.100.10:80: rr persistent persistenceTicks=15000 maskBits=24 newPerSecond=5 halfOpenMaximum=7 levels 1/1",
    ],
  },
  {
    name: "a quiesced server keeps its slots of a Maglev table, one that never had a weight has none",
    given: [web({ scheduler: "mh", tableSize: 251 })],
    when: (live) => {
      change(server(1, { weight: 0 }))(live);
      put(server(3, { weight: 0 }), "last")(live);
    },
    expected: [
      "- tcp 198.51.100.10:80: 10.0.0.1:80*1 10.0.0.2:80*1",
      "- tcp 198.51.100.10:80 10.0.0.1:80 dr weight 1",
      "+ tcp 198.51.100.10:80: 10.0.0.1:80*0 10.0.0.2:80*1 10.0.0.3:80*0",
      "+ tcp 198.51.100.10:80 10.0.0.1:80 dr weight 0",
      "+ tcp 198.51.100.10:80 10.0.0.3:80 dr weight 0",
    ],
  },
];

const ofWideServices: readonly Case[] = [
  {
    name: "ports that two have are of a class of their own",
    given: [wide("a", ["10.1.0.0/16"], 80, 89)],
    when: wide("b", ["10.2.0.0/16"], 85, 99),
    expected: [
      '- tcp 80–89: 10.1.0.0/16 → tcp "a"',
      '+ tcp "b": rr allPorts levels 0/1',
      '+ tcp "b": nobody',
      '+ tcp 80–84: 10.1.0.0/16 → tcp "a"',
      '+ tcp 85–89: 10.1.0.0/16 → tcp "a"',
      '+ tcp 85–89: 10.2.0.0/16 → tcp "b"',
      '+ tcp 90–99: 10.2.0.0/16 → tcp "b"',
    ],
  },
  {
    name: "of two with one prefix the one with fewer ports has those",
    given: [wide("a", ["10.1.0.0/16"], 80, 82)],
    when: wide("b", ["10.1.0.0/16"], 81),
    expected: [
      '- tcp 80–82: 10.1.0.0/16 → tcp "a"',
      '+ tcp "b": rr levels 0/1',
      '+ tcp "b": nobody',
      '+ tcp 80–80: 10.1.0.0/16 → tcp "a"',
      '+ tcp 81–81: 10.1.0.0/16 → tcp "b"',
      '+ tcp 82–82: 10.1.0.0/16 → tcp "a"',
    ],
  },
  {
    name: "a mark comes before a longer prefix, and before one address and port",
    given: [web(), wide("a", ["198.51.100.0/24"], 80)],
    when: marked(7, "198.51.0.0/16"),
    expected: [
      "- tcp 198.51.100.10:80 → tcp 198.51.100.10:80",
      '- tcp 80–80: 198.51.100.0/24 → tcp "a"',
      "+ mark 7 (ipv4): rr byMark levels 0/1",
      "+ mark 7 (ipv4): nobody",
      "+ tcp 80–80: 198.51.0.0/16 → mark 7 (ipv4)",
      "+ tcp 80–80: 198.51.100.0/24 → mark 7 (ipv4)",
    ],
  },
  {
    name: "without it they have their packets back",
    given: [web(), marked(7, "198.51.0.0/16")],
    when: remove("mark 7 (ipv4)"),
    expected: [
      "- mark 7 (ipv4): rr byMark levels 0/1",
      "- mark 7 (ipv4): nobody",
      "- tcp 80–80: 198.51.0.0/16 → mark 7 (ipv4)",
      "+ tcp 198.51.100.10:80 → tcp 198.51.100.10:80",
    ],
  },
  {
    name: "other ports and prefixes of the same service are an edit",
    given: [wide("a", ["10.1.0.0/16"], 80)],
    when: edit({
      name: "a",
      match: { kind: "wide", prefixes: ["10.1.0.0/16", "10.3.0.0/16"], ports: "any", protocol: "tcp" },
    }),
    expected: [
      '- tcp "a": rr levels 0/1',
      '- tcp 80–80: 10.1.0.0/16 → tcp "a"',
      '+ tcp "a": rr allPorts levels 0/1',
      '+ tcp 0–65535: 10.1.0.0/16 → tcp "a"',
      '+ tcp 0–65535: 10.3.0.0/16 → tcp "a"',
    ],
  },
];

const ofReplyRules: readonly Case[] = [
  {
    name: "a server that one service translates to has one",
    given: [web()],
    when: put(nat(3)),
    expected: [
      "- tcp 198.51.100.10:80: 10.0.0.1:80*1 10.0.0.2:80*1",
      "+ tcp 198.51.100.10:80: 10.0.0.3:80*1 10.0.0.1:80*1 10.0.0.2:80*1",
      "+ tcp 198.51.100.10:80 10.0.0.3:80 nat weight 1 hasReplyRule",
      "+ replies tcp 10.0.0.3:80 → 198.51.100.10:80",
    ],
  },
  {
    name: "a second service takes it from the first, whose rule stays for a while",
    given: [web({ servers: [nat(1)] })],
    when: other,
    expected: [
      "- tcp 198.51.100.10:80 10.0.0.1:80 nat weight 1 hasReplyRule",
      "+ tcp 198.51.100.10:80 10.0.0.1:80 nat weight 1",
      "+ tcp 198.51.100.11:80: rr levels 1/1",
      "+ tcp 198.51.100.11:80: 10.0.0.1:80*1",
      "+ tcp 198.51.100.11:80 10.0.0.1:80 nat weight 1",
      "+ tcp 198.51.100.11:80 → tcp 198.51.100.11:80",
    ],
  },
  {
    name: "two walks over the connections later, none of which relies on it, it is gone",
    given: [web({ servers: [nat(1)] }), other],
    when: walkTwice,
    expected: ["- replies tcp 10.0.0.1:80 → 198.51.100.10:80"],
  },
  {
    name: "once the second is forgotten, the first has one again",
    given: [web({ servers: [nat(1)] }), other, walkTwice, remove("tcp 198.51.100.11:80")],
    when: (live) => {
      live.tend(0);
      live.tend(121 * 250);
    },
    expected: [
      "- tcp 198.51.100.10:80 10.0.0.1:80 nat weight 1",
      "- 1 removed",
      "+ tcp 198.51.100.10:80 10.0.0.1:80 nat weight 1 hasReplyRule",
      "+ replies tcp 10.0.0.1:80 → 198.51.100.10:80",
    ],
  },
];

/** Registers the tests. */
export function describeChanges(create: () => BpfHost): void {
  describe.each<[string, readonly Case[]]>([
    ["lists of servers", ofLists],
    ["attributes of services", ofAttributes],
    ["services of several addresses or ports", ofWideServices],
    ["reply rules", ofReplyRules],
  ])("%s", (_, cases) => {
    test.each(cases.map((one) => [one.name, one] as const))("%s", (_name, { given, when, expected }) => {
      using ground = new LiveGround(create());
      for (const operation of given) operation(ground.live);
      expect(ground.changes(when)).toEqual(expected);
    });
  });
}
