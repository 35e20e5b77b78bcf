// One data plane takes over from another while packets flow: what becomes of connections, counts and clients that are
// bound to a server, whatever the configuration, the size of the tables, or the version that made them.

import { type BalancerShape, destinationFlags, families, Identity } from "@yardmaster/dataplane";
import { type BpfProgram, converter, type Layout } from "@yardmaster/ebpf";
import { describe, expect, test } from "vitest";
import type { HostOf } from "../../src/kernel/dataplane.ts";
import type { LiveSettings } from "../../src/plan/settings.ts";
import { type Former, formerOf, type FormerMap, rawSpec } from "../../src/succession/former-maps.ts";
import type { Destination, VirtualService } from "../../src/model/virtual-service.ts";
import { readVerdicts } from "../../src/status/snapshot.ts";
import { service, VIP } from "../sample.ts";
import { LiveBench } from "./bench.ts";
import { nat, server, WEB } from "./operations.ts";

const OTHER_VIP = "198.51.100.11";
const web = (servers: readonly Destination[], changes: Partial<VirtualService> = {}): VirtualService =>
  service({ forwarding: "dr", servers, ...changes });
const both = web([server(1), server(2)]);
const natWeb = web([nat(1)], { forwarding: "nat" });
const natOther = service({ name: "other", address: OTHER_VIP, servers: [nat(1)] });

const exact = { kind: "exact", address: VIP, port: 80, protocol: "tcp" } as const;
const marked = { prefix: `${VIP}/32`, ports: [{ first: 80, last: 80 }], protocols: ["tcp"] } as const;

/** Registers the tests. */
export function describeSuccession(create: () => HostOf<BpfProgram>): void {
  describe("succession", () => {
    /** A data plane, and after it others on the same host. */
    const line = (
      services: readonly VirtualService[],
      settings: Partial<LiveSettings> = {},
      shape: Partial<BalancerShape> = {},
    ) => new Line(create(), services, settings, shape);

    test("connections go on, counts stay exact, and new connections are known to both", () => {
      using it = line([both]);
      expect([1, 2, 3].map((port) => it.now.open({ port }))).toEqual(["10.0.0.1:80", "10.0.0.2:80", "10.0.0.1:80"]);
      const before = it.now;
      it.succeed([both]);
      expect([1, 2, 3].map((port) => it.now.send({ port }, "A"))).toEqual([
        "10.0.0.1:80",
        "10.0.0.2:80",
        "10.0.0.1:80",
      ]);
      // Packets come to either until the last interface is switched over.
      const fate = before.open({ port: 4 });
      it.complete();
      expect(it.now.send({ port: 4 }, "A")).toBe(fate);
      expect(Object.values(it.now.counts()).map(([active]) => active)).toEqual([
        fate.includes("1:80") ? 3 : 2,
        fate.includes("2:80") ? 2 : 1,
      ]);
      it.now.send({ port: 1 }, "R");
      it.now.wait(11);
      it.now.round();
      expect(
        Object.values(it.now.counts())
          .flat()
          .reduce((sum, count) => sum + count),
      ).toBe(3);
    });

    test("servers may stand in another order, and others among them", () => {
      using it = line([both]);
      for (const port of [1, 2]) it.now.open({ port });
      it.succeed([web([server(3), server(2), server(1)])]);
      expect([1, 2].map((port) => it.now.send({ port }, "A"))).toEqual(["10.0.0.1:80", "10.0.0.2:80"]);
      expect(it.now.counts()).toEqual({
        [`${WEB} 10.0.0.3:80`]: [0, 0],
        [`${WEB} 10.0.0.2:80`]: [1, 0],
        [`${WEB} 10.0.0.1:80`]: [1, 0],
      });
    });

    test("a server that is no longer there is removed, and is what it was when it comes back later", () => {
      using it = line([both]);
      for (const port of [1, 2]) it.now.open({ port });
      it.succeed([web([server(1)])]);
      expect([1, 2].map((port) => it.now.send({ port }, "A"))).toEqual(["10.0.0.1:80", "dropped"]);
      expect(it.now.removed()).toBe(1);
      it.succeed([web([server(1)])]);
      expect(it.now.removed()).toBe(1);
      it.succeed([both]);
      expect(it.now.send({ port: 2 }, "A")).toBe("10.0.0.2:80");
      expect(it.now.counts()[`${WEB} 10.0.0.2:80`]).toEqual([1, 0]);
    });

    test("so is a whole service", () => {
      using it = line([both, natOther]);
      it.now.open({ port: 1 });
      it.succeed([natOther]);
      expect([it.now.send({ port: 1 }, "A"), it.now.send({ port: 9 })]).toEqual(["dropped", "left"]);
      it.succeed([natOther, both]);
      expect(it.now.send({ port: 1 }, "A")).toBe("10.0.0.1:80");
    });

    test.each<[string, Partial<Parameters<typeof service>[0]>]>([
      ["with another scheduler", { scheduler: "sh" }],
      ["of a network", { match: { kind: "wide", prefixes: ["198.51.100.0/28"], ports: "any", protocol: "tcp" } }],
      ["by mark", { match: { kind: "mark", mark: 7, rules: [marked] } }],
    ])("so is a whole service %s, by a program that could not have such", (_, changes) => {
      const gone = { ...both, ...changes } as VirtualService;
      const after = web([server(3)], { name: "after", scheduler: "wlc" });
      const later = { ...after, match: { ...exact, port: 81 } } as const;
      using it = line([gone]);
      it.now.open({ port: 1 });
      const shape = { schedulers: ["wlc"], features: [] } as const;
      it.succeed([later], { shape });
      expect([it.now.send({ port: 1 }, "A"), it.now.send({ port: 9 })]).toEqual(["dropped", "left"]);
      it.succeed([later, gone]);
      expect(it.now.send({ port: 1 }, "A")).toMatch(/^10\.0\.0\.[12]:80$/);
    });

    test.each<[string, Partial<Destination>]>([
      ["ipip", {}],
      ["gue", { encapsulation: { kind: "gue", port: 6081, checksum: true } }],
      ["gre over IPv6", { address: "fd00::11", encapsulation: { kind: "gre", checksum: false } }],
    ])("a tunnel by %s that was removed is known as what it was", (_, changes) => {
      const shape = {
        methods: ["dr", "tun"],
        encapsulations: ["gre", "gue", "ipip"],
        features: ["mixedFamilies", "tunnelChecksums"],
      } as const;
      const tunnel = server(2, { forwarding: "tun", encapsulation: { kind: "ipip" }, ...changes });
      using it = line([web([server(1), tunnel])], {}, shape);
      const recordOf = () => {
        const { destinations } = it.now.dataplane.maps;
        return [...destinations.entries()].map(([, record]) => record).find(({ method }) => method === 2);
      };
      const before = recordOf() ?? expect.fail("there is a tunnel");
      it.succeed([web([server(1)])], { shape: { methods: ["dr"], encapsulations: [], features: [] } });
      expect(recordOf()).toEqual({ ...before, flags: before.flags | destinationFlags.removed });
      expect(it.now.dataplane.plan.shape).toMatchObject({ methods: ["dr", "tun"] });
    });

    test("what was removed and is forgotten leaves its place to others, and nothing of it is left there", () => {
      using it = line([both]);
      for (const port of [1, 2]) it.now.open({ port });
      it.succeed([web([server(1)])]);
      for (const seconds of [900, 121]) {
        it.now.wait(seconds);
        it.now.round();
      }
      expect(it.now.removed()).toBe(0);
      it.succeed([web([server(1), server(7)])]);
      expect(it.now.counts()).toEqual({ [`${WEB} 10.0.0.1:80`]: [0, 0], [`${WEB} 10.0.0.7:80`]: [0, 0] });
      expect(it.now.removed()).toBe(0);
    });

    test("answers of servers find their clients, by a rule or by entries", () => {
      using it = line([natWeb]);
      // By a rule: one service alone uses the server's port.
      it.now.open({ port: 1 });
      it.succeed([natWeb, natOther]);
      expect(it.now.answer(1, "10.0.0.1:80")).toBe(VIP);
      // By an entry: now two do.
      it.now.open({ port: 2, to: OTHER_VIP });
      expect([it.now.answer(2, "10.0.0.1:80"), it.now.answer(1, "10.0.0.1:80")]).toEqual([OTHER_VIP, VIP]);
      it.succeed([natOther, natWeb]);
      expect([it.now.answer(2, "10.0.0.1:80"), it.now.answer(1, "10.0.0.1:80")]).toEqual([OTHER_VIP, VIP]);
      it.succeed([natOther]);
      expect(it.now.answer(2, "10.0.0.1:80")).toBe(OTHER_VIP);
    });

    test("clients stay bound to their server", () => {
      const sticky = { persistence: { timeoutMs: 300_000, maskBits: 32 } };
      using it = line([web([server(1), server(2)], sticky)]);
      const bound = it.now.open({ port: 1 });
      it.succeed([web([server(2), server(1)], sticky)]);
      expect([2, 3, 4].map((port) => it.now.open({ port }))).toEqual([bound, bound, bound]);
    });

    test.each([
      ["lblcr", "lblc"],
      ["lblc", "lblcr"],
    ] as const)("what %s remembers %s does not go by, and it is forgotten when the former one is out", (from, to) => {
      const by = (scheduler: "lblc" | "lblcr") => web([server(1), server(2)], { scheduler });
      using it = line([by(from)]);
      it.now.open({ port: 1 });
      const before = it.now;
      it.succeed([by(to)], { isFinished: false });
      // As long as packets come to the former one, it adds to what it knows.
      before.open({ port: 2 });
      expect(it.now.open({ port: 3 })).toMatch(/^10\.0\.0\./);
      it.complete();
      expect([...it.now.dataplane.maps.localities.entries()]).toEqual([]);
      expect(it.now.open({ port: 4 })).toMatch(/^10\.0\.0\./);
    });

    test("verdicts go on counting", () => {
      using it = line([both]);
      it.now.send({ port: 1 }, "A");
      it.succeed([both]);
      it.now.send({ port: 1 }, "A");
      expect(readVerdicts(it.now.dataplane).find(({ reason }) => reason === "notOpening")?.packets).toBe(2);
    });

    describe("into larger tables", () => {
      test.each<[string, Partial<BalancerShape>]>([
        ["of connections", { maximumConnections: 4096 }],
        ["of destinations", { maximumDestinations: 64, maximumServices: 32 }],
        ["of all", { maximumConnections: 4096, maximumDestinations: 64, maximumServices: 32 }],
      ])("%s: what happens meanwhile goes over, too", (_, shape) => {
        using it = line([both]);
        for (const port of [1, 2, 3]) it.now.open({ port });
        const before = it.now;
        it.succeed([both], { shape, isFinished: false });
        // The former one has the packets still.
        const fate = before.open({ port: 4 });
        before.send({ port: 2 }, "F");
        before.send({ port: 9 }, "A");
        it.complete();
        expect(it.now.send({ port: 4 }, "A")).toBe(fate);
        const counts = Object.values(it.now.counts());
        expect([counts.map(([active]) => active), counts.map(([, inactive]) => inactive)]).toEqual([
          before.connections().get(`${VIP}:4`) === "10.0.0.1:80" ? [3, 0] : [2, 1],
          [0, 1],
        ]);
        expect(readVerdicts(it.now.dataplane).find(({ reason }) => reason === "notOpening")?.packets).toBe(1);
        it.now.wait(1000);
        it.now.round();
        expect(Object.values(it.now.counts()).flat()).toEqual([0, 0, 0, 0]);
      });

      test("packets of what opened meanwhile wait until the copy is whole, and nobody else's do", () => {
        using it = line([both]);
        const known = it.now.open({ port: 1 });
        const before = it.now;
        it.succeed([both], { shape: { maximumConnections: 4096 }, isFinished: false });
        const fate = before.open({ port: 4 });
        // The packets come to the new one already.
        expect(it.now.send({ port: 4 }, "A")).toBe("dropped");
        expect(it.now.send({ port: 1 }, "A")).toBe(known);
        expect(it.now.send({ port: 9, to: "203.0.113.77" }, "A")).toBe("left");
        it.complete();
        expect(it.now.send({ port: 4 }, "A")).toBe(fate);
        expect(it.now.send({ port: 9 }, "A")).toBe("left");
        expect(readVerdicts(it.now.dataplane).find(({ reason }) => reason === "held")?.packets).toBe(1);
      });

      test("where nothing was copied nobody waits", () => {
        using it = line([both]);
        it.now.open({ port: 1 });
        it.succeed([both], { isFinished: false });
        expect(it.now.send({ port: 9 }, "A")).toBe("left");
        expect(it.now.open({ port: 2 })).toMatch(/^10\.0\.0\.[12]:80$/);
      });

      test("what the new one has done already stays", () => {
        using it = line([both]);
        it.now.open({ port: 1 });
        it.succeed([both], { shape: { maximumConnections: 4096 }, isFinished: false });
        it.now.send({ port: 1 }, "R");
        it.complete();
        it.now.wait(11);
        it.now.round();
        expect(it.now.connections().size).toBe(0);
        expect(Object.values(it.now.counts()).flat()).toEqual([0, 0, 0, 0]);
      });
    });

    describe("from another version", () => {
      test("entries are read by the names of their parts", () => {
        using it = line([both]);
        for (const port of [1, 2]) it.now.open({ port });
        const former = it.former();
        using other = relaid(it.host, former, ["connections4", "loads", "destinations"]);
        it.succeed([both], { former: other });
        expect([1, 2].map((port) => it.now.send({ port }, "A"))).toEqual(["10.0.0.1:80", "10.0.0.2:80"]);
        expect(Object.values(it.now.counts())).toEqual([
          [1, 0],
          [1, 0],
        ]);
      });

      test("what cannot be understood is refused, and the former goes on", () => {
        using it = line([both]);
        it.now.open({ port: 1 });
        using former = renamed(it.former(), "connections4", narrowed);
        expect(() => it.succeed([both], { former })).toThrow(
          expect.objectContaining({ code: "YM_SUCCESSION_LAYOUT", message: expect.stringContaining("connections4") }),
        );
        expect(it.now.send({ port: 1 }, "A")).toBe("10.0.0.1:80");
      });

      test.each(["nonsense", "tcp 10.0.0.1:99999", "udp [::1:53", "mark x (ipv4)"])(
        "a service that is known by %j is refused",
        (identity) => {
          using it = line([both]);
          const text = new Uint8Array(Identity.fields.text.size);
          new TextEncoder().encodeInto(identity, text);
          it.now.dataplane.maps.identities.update(3, { text, family: 4, scheduler: 0 });
          expect(() => it.succeed([both])).toThrow(expect.objectContaining({ code: "YM_SUCCESSION_STATE" }));
          expect(it.now.open({ port: 1 })).toBe("10.0.0.1:80");
        },
      );
    });
  });
}

/** Data planes of one host, each taking over from the one before. */
class Line implements Disposable {
  readonly host: HostOf<BpfProgram>;
  readonly #settings: Partial<LiveSettings>;
  readonly #all: LiveBench[];
  readonly #owned = new DisposableStack();

  constructor(
    host: HostOf<BpfProgram>,
    services: readonly VirtualService[],
    settings: Partial<LiveSettings>,
    shape: Partial<BalancerShape>,
  ) {
    this.host = host;
    this.#settings = settings;
    this.#all = [this.#owned.use(new LiveBench(host, settings, { services, shape }))];
  }

  /** The latest. */
  get now(): LiveBench {
    return this.#all.at(-1) as LiveBench;
  }

  former(): Former {
    return this.#owned.use(formerOf(this.host, this.now.dataplane.made, "1.0.0"));
  }

  /** Another one takes over. */
  succeed(
    services: readonly VirtualService[],
    options: { readonly shape?: Partial<BalancerShape>; readonly former?: Former; readonly isFinished?: false } = {},
  ): void {
    const { shape = {}, former = this.former(), isFinished = true } = options;
    const next = new LiveBench(this.host, this.#settings, { services, shape, former, now: this.now.now });
    this.#all.push(this.#owned.use(next));
    if (isFinished) this.complete();
  }

  complete(): void {
    this.now.dataplane.completeSuccession();
  }

  [Symbol.dispose](): void {
    this.#owned.dispose();
  }
}

/** The same maps as a version would have made them that lays its structures out backwards, with more in them. */
function relaid(host: HostOf<BpfProgram>, former: Former, names: readonly string[]): Former {
  return names.reduce((all, name) => renamed(all, name, (known) => backwards(host, known)), former);
}

function backwards(host: HostOf<BpfProgram>, { description, map }: FormerMap): FormerMap {
  const { value } = description;
  if (value.kind !== "struct") throw new Error(`${description.name} holds no structures`);
  let end = 8;
  const fields = value.fields.toReversed().map((field) => {
    const offset = end;
    end += field.layout.kind === "list" ? field.layout.length * field.layout.stride : field.layout.size;
    return { ...field, offset };
  });
  const layout: Layout = { kind: "struct", size: end, fields };
  const convert = converter(value, layout) ?? expect.fail("it can be laid out so");
  const made = host.createMap(rawSpec({ ...description, value: layout }));
  for (const [key, bytes] of map.entries()) made.update(key, convert(bytes));
  return { description: { ...description, value: layout }, map: made };
}

function narrowed({ description, map }: FormerMap): FormerMap {
  const { value } = description;
  const fields = value.kind === "struct" ? value.fields : [];
  const changed = fields.map((field) =>
    field.name === "life" ? { ...field, layout: { kind: "scalar", type: "be64", size: 8 } as const } : field,
  );
  return {
    description: { ...description, value: { kind: "struct", size: families.ipv4.Connection.size, fields: changed } },
    map,
  };
}

function renamed(former: Former, name: string, change: (known: FormerMap) => FormerMap): Former {
  const known = former.maps.get(name) ?? expect.fail(`there is a map ${name}`);
  const changed = change(known);
  const close = changed.map === known.map ? () => undefined : () => changed.map.close();
  return {
    ...former,
    maps: new Map([...former.maps, [name, changed]]),
    [Symbol.dispose]() {
      close();
      former[Symbol.dispose]();
    },
  };
}
