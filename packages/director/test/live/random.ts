// Random changes of live services among random packets: whatever happens, the maps say what a fresh start with the same
// services would make them say, counts are those of the table, and no connection is lost.

import { ACTIVE_STATES } from "@yardmaster/dataplane";
import { createMemoryHost } from "@yardmaster/ebpf/vm";
import fc from "fast-check";
import { expect } from "vitest";
import { endpointOf, identityOf, type LiveService, type ServiceDefinition } from "../../src/live/service.ts";
import type { Destination } from "../../src/model/virtual-service.ts";
import { remembering } from "../map-dump.ts";
import { service, VIP } from "../sample.ts";
import { type FlowName, LiveBench } from "./bench.ts";
import { LiveGround } from "./ground.ts";
import { server, walkTwice } from "./operations.ts";
import { pictureOf } from "./picture.ts";

const OTHER_VIP = "198.51.100.11";
const WIDE_VIP = "198.51.100.12";
const vips = [VIP, OTHER_VIP, WIDE_VIP] as const;
/** Seconds that an established connection lives without a packet. */
const ESTABLISHED = 900;

const definitionOf = (changes: Parameters<typeof service>[0]): ServiceDefinition => {
  const { servers: _, ...definition } = service(changes);
  return definition;
};
/** Two with servers in common, one that takes what is beside them, one that takes the second one's packets. */
const definitions: readonly ServiceDefinition[] = [
  definitionOf({ name: "web" }),
  definitionOf({ name: "other", address: OTHER_VIP }),
  definitionOf({
    name: "wide",
    match: { kind: "wide", prefixes: ["198.51.100.0/24"], ports: [{ first: 79, last: 81 }], protocol: "tcp" },
  }),
  definitionOf({
    name: "mark",
    match: {
      kind: "mark",
      mark: 1,
      rules: [{ prefix: `${OTHER_VIP}/32`, ports: [{ first: 80, last: 80 }], protocols: ["tcp", "udp"] }],
    },
  }),
];

/** The first two more often. */
const which = fc.constantFrom(0, 0, 0, 1, 1, 1, 2, 2, 3);
const scheduler = fc.constantFrom("rr" as const, "wrr" as const, "sh" as const, "wlc" as const);
const destination = fc
  .record({
    last: fc.integer({ min: 1, max: 2 }),
    forwarding: fc.constantFrom("nat" as const, "nat" as const, "dr" as const),
    weight: fc.integer({ min: 0, max: 3 }),
    port: fc.constantFrom(80, 80, 80, 80, 80, 0),
    upperThreshold: fc.constantFrom(0, 0, 0, 3),
  })
  .map(({ last, ...rest }): Destination => server(last, rest));
const flow = fc.record({ port: fc.integer({ min: 1, max: 3 }), to: fc.constantFrom(...vips) });

/** One thing that happens. */
const event = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("addService" as const), which, scheduler }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("editService" as const), which, scheduler }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant("removeService" as const), which }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant("addServer" as const),
      ...{ which, destination, place: fc.constantFrom("first" as const, "last" as const) },
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("editServer" as const), which, destination }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant("removeServer" as const), which, destination }) },
  { weight: 16, arbitrary: fc.record({ kind: fc.constant("open" as const), flow }) },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("wait" as const), seconds: fc.integer({ min: 0, max: 400 }) }),
  },
);
type Event = typeof event extends fc.Arbitrary<infer E> ? E : never;

/** A connection as it was opened. */
interface Opened {
  readonly flow: Required<FlowName>;
  readonly identity: string;
  readonly server: string;
  readonly isTranslated: boolean;
  diesAt: number;
}

/** Everything that happens to one data plane, and what is known of it. */
class Course implements Disposable {
  readonly #host = remembering(createMemoryHost());
  readonly #bench = new LiveBench(this.#host);
  readonly #opened = new Map<string, Opened>();
  #clock = 0;

  constructor() {
    const { live } = this.#bench;
    definitions.slice(0, 3).forEach((definition, index) => {
      const port = definition.match.kind === "exact" ? 80 : 0;
      live.addService(definition, [server(1 + (index % 2), { forwarding: "nat", port })]);
    });
  }

  happen(event: Event): void {
    const { live } = this.#bench;
    switch (event.kind) {
      case "addService": {
        const definition = { ...definitionAt(event.which), scheduler: event.scheduler };
        if (live.find(identityOf(definition)) === undefined) live.addService(definition);
        return;
      }
      case "wait":
        this.#wait(event.seconds);
        return;
      case "open":
        this.#open(event.flow);
        return;
      default:
        this.#change(event);
    }
  }

  /** Every connection that was opened and has not ended goes on with its server, if that is there. */
  checkConnections(): void {
    for (const opened of this.#opened.values()) {
      if (opened.diesAt <= this.#clock) continue;
      const { flow: name, identity, server: endpoint, isTranslated } = opened;
      if (isTranslated) expect(this.#bench.answer(name.port, this.#sender(opened))).toBe(name.to);
      const isThere = this.#bench.live.find(identity)?.members.some((one) => endpointOf(one.definition) === endpoint);
      expect(this.#bench.send(name, "A"), `${name.to} from ${name.port}`).toBe(isThere === true ? endpoint : "dropped");
      if (isTranslated || isThere === true) opened.diesAt = this.#clock + ESTABLISHED;
    }
  }

  /** Counts are what the table says. */
  checkCounts(): void {
    const { ipv4, loads } = this.#bench.dataplane.maps;
    const counted = new Map<number, bigint>();
    for (const [, { direction, destination: index, life }] of ipv4.connections.entries()) {
      if (direction !== 0) continue;
      const isActive = (ACTIVE_STATES >> (Number(life >> 32n) & 15)) & 1;
      counted.set(index, (counted.get(index) ?? 0n) + (isActive === 1 ? 1n << 32n : 1n));
    }
    for (const [index, { connections }] of loads.entries()) expect(connections).toBe(counted.get(index) ?? 0n);
  }

  /** The picture is that of a fresh start, but for what was removed and the rules that old connections need. */
  checkPicture(): void {
    const isLasting = (line: string) => !/ removed|^replies /.test(line);
    const lasting = (lines: readonly string[]) =>
      lines.filter(isLasting).map((line) => line.replace(" hasReplyRule", ""));
    expect(lasting(this.#picture())).toEqual(lasting(this.#freshPicture()));
  }

  /** When all connections have ended and what was removed is forgotten, it is the same altogether. */
  checkEnd(): void {
    for (const seconds of [ESTABLISHED, 1, 120, 1]) this.#wait(seconds);
    expect(this.#bench.connections().size).toBe(0);
    expect(this.#picture()).toEqual(this.#freshPicture());
  }

  [Symbol.dispose](): void {
    this.#bench[Symbol.dispose]();
  }

  #change(change: Exclude<Event, { readonly kind: "addService" | "wait" | "open" }>): void {
    const { live } = this.#bench;
    const known = live.find(identityOf(definitionAt(change.which)));
    if (known === undefined) return;
    const identity = identityOf(known.definition);
    const isMember = (one: Destination) =>
      known.members.some(({ definition }) => endpointOf(definition) === endpointOf(one));
    switch (change.kind) {
      case "editService":
        return live.editService({ ...known.definition, scheduler: change.scheduler });
      case "removeService":
        return live.removeService(identity);
      case "addServer":
        if (!isMember(change.destination)) live.addDestination(identity, change.destination, { place: change.place });
        return;
      case "editServer":
        if (isMember(change.destination)) live.editDestination(identity, change.destination);
        return;
      case "removeServer":
        if (isMember(change.destination)) live.removeDestination(identity, endpointOf(change.destination));
    }
  }

  #wait(seconds: number): void {
    this.#clock += seconds;
    this.#bench.wait(seconds);
    this.#bench.round();
  }

  #open(name: Required<FlowName>): void {
    const key = `${name.to} ${name.port}`;
    if ((this.#opened.get(key)?.diesAt ?? 0) > this.#clock) return;
    this.#opened.delete(key);
    const fate = this.#bench.open(name);
    if (fate === "left" || fate === "dropped") return;
    const owner = this.#bench.live.services().find((one) => this.#isOf(one, name));
    const member = owner?.members.find(({ definition }) => endpointOf(definition) === fate);
    expect(member, `${key} went to ${fate}`).toBeDefined();
    const isTranslated = member?.definition.forwarding === "nat";
    const identity = owner === undefined ? "" : identityOf(owner.definition);
    this.#opened.set(key, { flow: name, identity, server: fate, isTranslated, diesAt: this.#clock + ESTABLISHED });
  }

  /** Whether a service gets the packets of a flow: a mark first, then one address and port, then a prefix. */
  #isOf({ definition: { match } }: LiveService, { to }: Required<FlowName>): boolean {
    const kinds = new Set(this.#bench.live.services().map((one) => one.definition.match.kind));
    const isExact = this.#bench.live.services().some(({ definition }) => {
      return definition.match.kind === "exact" && definition.match.address === to;
    });
    switch (match.kind) {
      case "mark":
        return to === OTHER_VIP;
      case "exact":
        return match.address === to && !(to === OTHER_VIP && kinds.has("mark"));
      case "wide":
        return !isExact && !(to === OTHER_VIP && kinds.has("mark"));
    }
  }

  /** Address and port that a server answers from; where it has none of its own, the one that was written to. */
  #sender({ server: endpoint }: Opened): `${string}:${number}` {
    const [address = "", port] = endpoint.split(":");
    return `${address}:${port === "0" ? 80 : Number(port)}`;
  }

  #picture(): readonly string[] {
    return pictureOf(this.#bench.live, this.#bench.dataplane.maps, this.#host.inner);
  }

  #freshPicture(): readonly string[] {
    using ground = new LiveGround(createMemoryHost());
    for (const { definition, members } of this.#bench.live.services()) {
      // Those of weight 0 had another one before, which Maglev's tables remember.
      const servers = members.map((member) => ({ ...member.definition, weight: member.lastWeight }));
      ground.live.addService(definition, servers);
      for (const member of members) ground.live.editDestination(identityOf(definition), member.definition);
    }
    walkTwice(ground.live);
    return ground.picture();
  }
}

function definitionAt(index: number): ServiceDefinition {
  const found = definitions[index];
  if (found === undefined) throw new Error(`there is no service ${index}`);
  return found;
}

/** Plays random courses. */
export function playRandomCourses(runs: number): void {
  fc.assert(
    fc.property(fc.array(event, { minLength: 20, maxLength: 80 }), (events) => {
      using course = new Course();
      for (const [at, each] of events.entries()) {
        course.happen(each);
        course.checkCounts();
        if (at % 4 === 3) course.checkConnections();
        if (at === 15) course.checkPicture();
      }
      course.checkConnections();
      course.checkEnd();
      course.checkCounts();
    }),
    { numRuns: runs },
  );
}
