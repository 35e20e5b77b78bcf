// What a live data plane does not do leaves it as it was: what cannot be, what the program was not built for, and what
// fails on the way, wherever that is.

import { type BalancerShape, hasFeature } from "@yardmaster/dataplane";
import type { BpfHost, BpfMap, MapSpec } from "@yardmaster/ebpf";
import { describe, expect, test } from "vitest";
import { NeedsProgramError } from "../../src/live/fits.ts";
import { fullShape, LiveGround } from "./ground.ts";
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
  WEB,
  web,
  wide,
} from "./operations.ts";

/** Runs it; what it throws, and that the picture is what it was. */
function refusal(ground: LiveGround, operation: Operation): unknown {
  const before = ground.picture();
  let thrown: unknown;
  try {
    operation(ground.live);
  } catch (error) {
    thrown = error;
  }
  expect(ground.picture()).toEqual(before);
  return thrown;
}

const impossible: readonly (readonly [string, Operation, string])[] = [
  ["adding a service twice", web(), "adding service tcp 198.51.100.10:80: there is one already"],
  ["editing none", edit({ port: 81 }), "editing service tcp 198.51.100.10:81: there is no such service"],
  ["removing none", remove("tcp 1.2.3.4:5"), "removing service tcp 1.2.3.4:5: there is no such service"],
  ["adding a server twice", put(server(1)), `adding destination 10.0.0.1:80 to ${WEB}: there is one already`],
  [
    "adding to none",
    put(server(1), "first", "udp x"),
    "adding destination 10.0.0.1:80 to udp x: there is no such service",
  ],
  ["editing no server", change(server(9)), `editing destination 10.0.0.9:80 of ${WEB}: there is no such destination`],
  [
    "removing no server",
    take("10.0.0.9:80"),
    `removing destination 10.0.0.9:80 of ${WEB}: there is no such destination`,
  ],
  [
    "crossed thresholds",
    change(server(1, { upperThreshold: 1, lowerThreshold: 2 })),
    `editing destination 10.0.0.1:80 of ${WEB}: of 10.0.0.1:80 the lower threshold 2 is above the upper one, 1`,
  ],
  [
    "a server of the other family",
    put(server(1, { address: "2001:db8::1" })),
    `adding destination [2001:db8::1]:80 to ${WEB}: the destination [2001:db8::1]:80 is of another family`,
  ],
  [
    "a server twice in one service",
    add({ port: 81, servers: [server(1), server(1)] }),
    "adding service tcp 198.51.100.10:81: the destination 10.0.0.1:80 is there twice",
  ],
];

const smallShape: BalancerShape = {
  ...fullShape,
  ...{ families: ["ipv4"], schedulers: ["rr"], methods: ["dr"], features: [] },
  ...{ maximumServices: 2, maximumDestinations: 3, maximumMembers: 2 },
};

const tooMuch: readonly (readonly [string, Operation, string])[] = [
  ["another family", add({ address: "2001:db8::1" }), "the family ipv6"],
  ["another scheduler", edit({ scheduler: "wrr" }), "the scheduler wrr"],
  ["another method", put(nat(3)), "the forwarding method nat"],
  ["thresholds", change(server(1, { upperThreshold: 1 })), "thresholds"],
  ["persistence", edit({ persistence: { timeoutMs: 1, maskBits: 32 } }), "persistence"],
  ["one-packet scheduling", edit({ onePacket: true }), "one-packet scheduling"],
  ["caps", edit({ caps: { newPerSecond: 1, halfOpen: 0 } }), "caps"],
  ["prefixes", wide("w", ["10.0.0.0/8"], 80), "services of several addresses or ports"],
  ["marks", marked(1, "10.0.0.0/8"), "services of several addresses or ports"],
  ["more servers of one service", put(server(3)), "room for 3 destinations of one service"],
  [
    "more servers",
    add({ port: 81, forwarding: "dr", servers: [server(1), server(2)] }),
    "room for more than 3 destinations",
  ],
  [
    "more services",
    (live) => {
      if (live.services().length < 2) add({ port: 81 })(live);
      add({ port: 82 })(live);
    },
    "room for more than 2 services",
  ],
  ["settings", (live) => live.setSettings({ ...live.settings, dropRate: 2 }), "dropping a share of new connections"],
];

const two: readonly Operation[] = [
  web({ servers: [server(1), server(2), server(3), nat(4)] }),
  other,
  take("10.0.0.3:80"),
];
const withWide: readonly Operation[] = [web(), wide("a", ["10.1.0.0/16"], 80, 89)];

/** Operations that together touch every map, and what there is before. */
const touching: readonly (readonly [string, readonly Operation[], Operation])[] = [
  ["adding a service", two, add({ port: 82, scheduler: "sh", servers: [nat(1), nat(5)] })],
  ["editing a service", two, edit({ scheduler: "mh", tableSize: 251, persistence: { timeoutMs: 1000, maskBits: 32 } })],
  ["removing a service", two, remove()],
  ["adding a server", two, put(nat(7))],
  ["adding one again", two, put(server(3))],
  ["editing a server", two, change(server(1, { weight: 5, upperThreshold: 3, forwarding: "nat" }))],
  ["removing a server", two, take("10.0.0.1:80")],
  ["adding a wide service", withWide, wide("b", ["10.1.0.0/16", "10.2.0.0/16"], 85, 99)],
  ["removing a wide service", withWide, remove('tcp "a"')],
  ["adding a mark", withWide, marked(7, "198.51.0.0/16")],
];

/** A host on which the call with this number that makes or changes a map fails; calls within calls do not count. */
function failingHost<H extends BpfHost>(host: H): H & { failAt: number | undefined } {
  let calls = 0;
  let depth = 0;
  const counted = <T>(what: string, run: () => T): T => {
    if (depth === 0 && failing.failAt !== undefined && ++calls === failing.failAt) throw new Error(`${what} fails`);
    depth += 1;
    try {
      return run();
    } finally {
      depth -= 1;
    }
  };
  const failing = {
    ...host,
    get failAt(): number | undefined {
      return failAt;
    },
    set failAt(number) {
      failAt = number;
      calls = 0;
    },
    createMap: <K, V>(spec: MapSpec<K, V>) => failingMap(counted("createMap", () => host.createMap(spec))),
    reopenMap: <K, V>(map: BpfMap, spec: MapSpec<K, V>) =>
      failingMap(counted("reopenMap", () => host.reopenMap(map, spec))),
  };
  function failingMap<K, V>(map: BpfMap<K, V>): BpfMap<K, V> {
    for (const name of ["update", "delete", "exchange", "updateInner", "updateBatch", "writeWords"] as const) {
      const run = map[name].bind(map) as (...args: unknown[]) => unknown;
      Object.assign(map, { [name]: (...args: unknown[]) => counted(name, () => run(...args)) });
    }
    return map;
  }
  let failAt: number | undefined;
  return failing;
}

/** Registers the tests. */
export function describeRefusals(create: () => BpfHost): void {
  describe("what cannot be", () => {
    test.each(impossible)("%s", (_, operation, message) => {
      using ground = new LiveGround(create());
      web()(ground.live);
      expect(refusal(ground, operation)).toMatchObject({ name: "DirectorError", message });
    });
  });

  describe("what the program was built without", () => {
    test.each(tooMuch)("%s", (_, operation, missing) => {
      using ground = new LiveGround(create(), { shape: smallShape });
      web()(ground.live);
      const before = ground.picture();
      const error = expect(() => operation(ground.live));
      error.toThrow(NeedsProgramError);
      expect(ground.picture().filter((line) => before.includes(line))).toEqual(before);
      expect(() => operation(ground.live)).toThrow(missing);
    });

    test("the small shape has none of the features", () => {
      expect(fullShape.features.filter((name) => hasFeature(smallShape, name))).toEqual([]);
    });
  });

  describe("what fails on the way", () => {
    test.each(touching)("%s", (_, given, operation) => {
      const host = failingHost(create());
      using ground = new LiveGround(host);
      for (const each of given) each(ground.live);
      const before = ground.picture();
      let failures = 0;
      for (let at = 1; ; at++) {
        host.failAt = at;
        const failed = fails(() => operation(ground.live));
        host.failAt = undefined;
        if (!failed) break;
        failures += 1;
        expect(ground.picture(), `when call ${at} fails`).toEqual(before);
      }
      expect(failures).toBeGreaterThan(2);
      using fresh = new LiveGround(create());
      for (const each of [...given, operation]) each(fresh.live);
      expect(ground.picture()).toEqual(fresh.picture());
    });
  });
}

function fails(run: () => void): boolean {
  try {
    run();
    return false;
  } catch (error) {
    if (error instanceof Error && error.message.endsWith(" fails")) return true;
    throw error;
  }
}
