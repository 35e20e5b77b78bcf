// Ends connections and templates whose time is up, and those of removed servers where that is wished: walks over the
// tables, each where something may be due, which can be interrupted between two reads and leave the last word on each
// entry to the reaper program.

import {
  answeringClients,
  families,
  type Family,
  type MethodName,
  methods,
  readLife,
  REAPER_BATCH,
  reaperForces,
  reaperTables,
  ReaperWork,
  Template,
} from "@yardmaster/dataplane";
import type { MapPart } from "@yardmaster/ebpf";
import type { Dataplane } from "../kernel/dataplane.ts";
import type { Seen as Noted, Watch } from "../live/watchlist.ts";
import type { LiveSettings } from "../plan/settings.ts";
import { Rota, type Seen } from "./rota.ts";
import { areAllActive, soonestEnd, soonestTemplateEnd } from "./soonest.ts";

/** Entries read with one call to the kernel by a walk that is the only one. */
const READ_BATCH = 4096;
/** Seconds between two walks over everything that only watch for what replies rely on. */
const WATCH_SECONDS = 10;
const ANY_PACKET = new Uint8Array(64);
/** Of methods whose replies a rule may tell. */
const answeringCodes: ReadonlySet<number> = new Set(
  answeringClients(Object.keys(methods) as MethodName[]).map((name) => methods[name].code),
);

/** What a walk found. */
export interface ReaperRound {
  /** Entries of the connection table read; some connections have two. */
  readonly entries: number;
  /** Connections ended. */
  readonly ended: number;
}

/** One walk on its way. */
interface Walk {
  readonly dataplane: Dataplane;
  readonly now: () => number;
  readonly watch: Watch;
  readonly seen: Noted;
}

/** Whether tick `expiry` is at or before `now`, both modulo 2^32. */
export function hasPassed(expiry: number, now: number): boolean {
  return ((expiry - now - 1) | 0) < 0;
}

/** One walk over everything, see Reaping. A generator: it yields where it can be interrupted. */
export function* reap(dataplane: Dataplane, now: () => number): Generator<undefined, ReaperRound> {
  return yield* new Reaping(dataplane, READ_BATCH).round(now);
}

/** The walks over the tables of one data plane, each where something is due. */
export class Reaping {
  readonly dataplane: Dataplane;
  readonly #tables: readonly { readonly of: Family; readonly connections: Table; readonly templates: Table }[];
  /** Those that were in force at the last walk over everything, and the tick when it began. */
  #settings: LiveSettings | undefined;
  #wholeAt: number | undefined;

  /** `room`: entries read with one call to the kernel. */
  constructor(dataplane: Dataplane, room: number) {
    const { plan, maps } = dataplane;
    this.dataplane = dataplane;
    this.#tables = plan.shape.families.map((name) => ({
      of: families[name],
      connections: { rota: new Rota(), parts: maps[name].connections.parts(room) },
      templates: { rota: new Rota(), parts: maps[name].templates.parts(room) },
    }));
  }

  /** Of the connection tables, by what was seen last: their entries, and those that are connections. */
  get held(): Pick<Seen, "entries" | "connections"> {
    const all = this.#tables.map(({ connections }) => connections.rota.held);
    const sum = (field: keyof Seen & ("entries" | "connections")) => all.reduce((total, one) => total + one[field], 0);
    return { entries: sum("entries"), connections: sum("connections") };
  }

  /**
   * One walk over what is due, or over everything where settings have changed or something is watched for, and then
   * what it allows: see LiveServices. A generator: it yields where it can be interrupted, and returns what it found.
   */
  *round(now: () => number): Generator<undefined, ReaperRound> {
    const { dataplane } = this;
    const { live } = dataplane;
    const { settings } = live;
    const watch = live.watch();
    const beganAt = now();
    const isWhole = settings !== this.#settings || watch.doomed.size > 0 || this.#isTimeToWatch(watch, beganAt);
    const walk: Walk = { dataplane, now, watch, seen: { relying: new Set(), answered: new Set() } };
    const isDue = isWhole ? everything : { connections: connectionsDue(walk), templates: templatesDue(walk) };
    let entries = 0;
    let ended = 0;
    for (const { of, connections, templates } of this.#tables) {
      const round = yield* reapConnections(walk, of, connections, isDue.connections);
      entries += round.entries;
      ended += round.ended;
      // Those that led no connections are free to go now.
      yield* reapTemplates(walk, of, templates, isDue.templates);
    }
    if (isWhole) [this.#settings, this.#wholeAt] = [settings, beganAt];
    live.tend(now(), isWhole ? { watch, seen: walk.seen } : undefined);
    return { entries, ended };
  }

  /** What replies rely on may stay for a while when nothing does any more; a removed server's connections may not. */
  #isTimeToWatch({ waiting }: Watch, now: number): boolean {
    if (waiting.size === 0) return false;
    return this.#wholeAt === undefined || hasPassed(this.#wholeAt + WATCH_SECONDS * this.dataplane.ticksPerSecond, now);
  }
}

/** A table, and which of its parts are read when. */
interface Table {
  readonly rota: Rota;
  readonly parts: (from: number) => MapPart;
}

type IsDue = (seen: Seen) => boolean;
const everything = { connections: () => true, templates: () => true } as const;

function isWatching({ doomed, waiting }: Watch): boolean {
  return doomed.size > 0 || waiting.size > 0;
}

/** Where something may have ended by now: by what was seen, or by what was written since. */
function connectionsDue({ dataplane, now }: Walk): IsDue {
  const soonest = soonestEnd(dataplane, "all");
  const afterRest = soonestEnd(dataplane, "active");
  let isResting: boolean | undefined;
  const patience = () => {
    isResting ??= areAllActive(dataplane);
    return isResting ? afterRest : soonest;
  };
  return (seen) => {
    const tick = now();
    if (hasEnded(seen, tick)) return true;
    return hasPassed(seen.readAt + soonest, tick) && hasPassed(seen.readAt + patience(), tick);
  };
}

function templatesDue({ dataplane, now }: Walk): IsDue {
  const soonest = soonestTemplateEnd(dataplane);
  return (seen) => hasEnded(seen, now()) || hasPassed(seen.readAt + soonest, now());
}

function hasEnded({ earliest }: Seen, now: number): boolean {
  return earliest !== undefined && hasPassed(earliest, now);
}

function* reapConnections(
  walk: Walk,
  family: Family,
  { rota, parts }: Table,
  isDue: IsDue,
): Generator<undefined, ReaperRound> {
  const { dataplane, now, watch } = walk;
  const { FlowKey, Connection } = family;
  const { life: expiry, direction, destination: owner } = Connection.offsets;
  const ending = new Ending(dataplane, family, "connections");
  const isLooking = isWatching(watch);
  let entries = 0;
  yield* rota.walk(isDue, (from) => {
    const part = parts(from);
    const values = new DataView(part.values.buffer, part.values.byteOffset, part.values.byteLength);
    const tick = now();
    const first = new Earliest(tick);
    entries += part.count;
    let connections = 0;
    let leaving = 0;
    for (let index = 0; index < part.count; index++) {
      const at = index * Connection.size;
      if (values.getUint8(at + direction) !== 0) continue;
      connections += 1;
      if (isLooking) look(walk, values, at, family);
      const isDoomed = isLooking && watch.doomed.has(values.getUint32(at + owner, true));
      const expiresAt = values.getUint32(at + expiry, true);
      const isOver = hasPassed(expiresAt, tick);
      if (!isOver) first.see(expiresAt);
      if (!isOver && !isDoomed) continue;
      leaving += 1;
      ending.add(part.keys, index * FlowKey.size, isDoomed ? "ofRemoved" : "expired");
    }
    const stayed = { entries: part.count - leaving, connections: connections - leaving };
    return { ...stayed, readAt: tick, earliest: first.tick, next: part.next };
  });
  ending.flush();
  return { entries, ended: ending.ended };
}

/** The first tick of those that are seen, all of them ahead of now. */
class Earliest {
  readonly #now: number;
  #ticks: number | undefined;

  constructor(now: number) {
    this.#now = now;
  }

  see(expiry: number): void {
    const ticks = (expiry - this.#now) | 0;
    if (this.#ticks === undefined || ticks < this.#ticks) this.#ticks = ticks;
  }

  get tick(): number | undefined {
    return this.#ticks === undefined ? undefined : (this.#now + this.#ticks) >>> 0;
  }
}

/** Notes of a connection what is watched for. */
function look({ watch, seen }: Walk, values: DataView, at: number, { Connection }: Family): void {
  const { destination, method, hasReplyEntry } = Connection.offsets;
  const owner = values.getUint32(at + destination, true);
  if (!watch.waiting.has(owner) || !answeringCodes.has(values.getUint8(at + method))) return;
  seen.answered.add(owner);
  if (values.getUint8(at + hasReplyEntry) === 0) seen.relying.add(owner);
}

function* reapTemplates(
  { dataplane, now, watch }: Walk,
  family: Family,
  { rota, parts }: Table,
  isDue: IsDue,
): Generator<undefined, void> {
  if (!dataplane.plan.shape.features.includes("persistence")) return;
  const { TemplateKey } = family;
  const { life, destination } = Template.offsets;
  const ending = new Ending(dataplane, family, "templates");
  yield* rota.walk(isDue, (from) => {
    const part = parts(from);
    const values = new DataView(part.values.buffer, part.values.byteOffset, part.values.byteLength);
    const tick = now();
    const first = new Earliest(tick);
    for (let index = 0; index < part.count; index++) {
      const at = index * Template.size;
      const isDoomed =
        watch.doomed.has(values.getUint32(at + destination, true)) &&
        readLife(values.getBigUint64(at + life, true)).controlled === 0;
      const expiresAt = values.getUint32(at + life, true);
      const isOver = hasPassed(expiresAt, tick);
      if (!isOver) first.see(expiresAt);
      if (isOver || isDoomed) ending.add(part.keys, index * TemplateKey.size, isDoomed ? "ofRemoved" : "expired");
    }
    return { entries: part.count, connections: 0, readAt: tick, earliest: first.tick, next: part.next };
  });
  ending.flush();
}

/** Which entries the program ends of those that it is given. */
type Condition = "expired" | "ofRemoved";

/** Hands keys of one table to the program, as many at once as it takes. */
class Ending {
  /** Entries ended so far. */
  ended = 0;
  readonly #dataplane: Dataplane;
  readonly #work: { readonly family: number; readonly table: number };
  readonly #keySize: number;
  readonly #waiting = new Map<Condition, { readonly keys: Uint8Array; count: number }>();

  constructor(dataplane: Dataplane, { digit, FlowKey, TemplateKey }: Family, table: "connections" | "templates") {
    this.#dataplane = dataplane;
    this.#work = { family: Number(digit), table: reaperTables[table] };
    this.#keySize = table === "connections" ? FlowKey.size : TemplateKey.size;
  }

  /** The entry whose key stands in `keys` from `at` on. */
  add(keys: Uint8Array, at: number, condition: Condition): void {
    const waiting = this.#waiting.get(condition) ?? { keys: new Uint8Array(ReaperWork.fields.keys.size), count: 0 };
    this.#waiting.set(condition, waiting);
    waiting.keys.set(keys.subarray(at, at + this.#keySize), waiting.count * this.#keySize);
    if (++waiting.count === REAPER_BATCH) this.#run(condition);
  }

  flush(): void {
    this.#run("expired");
    this.#run("ofRemoved");
  }

  #run(condition: Condition): void {
    const waiting = this.#waiting.get(condition);
    if (waiting === undefined || waiting.count === 0) return;
    const { maps, reaper } = this.#dataplane;
    maps.reaperWork.update(0, {
      ...this.#work,
      force: reaperForces[condition],
      count: waiting.count,
      keys: waiting.keys,
    });
    this.ended += reaper.run({ packet: ANY_PACKET }).verdict;
    waiting.count = 0;
  }
}
