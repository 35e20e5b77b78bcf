// Ends connections and templates whose time is up, and those of removed servers where that is wished: one walk over the
// tables, which can be interrupted between two reads, and leaves the last word on each entry to the reaper program.

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
import type { Dataplane } from "../kernel/dataplane.ts";
import type { Seen, Watch } from "../live/watchlist.ts";

/** Entries read with one call to the kernel. */
const READ_BATCH = 4096;
const ANY_PACKET = new Uint8Array(64);
/** Of methods whose replies a rule may tell. */
const answeringCodes: ReadonlySet<number> = new Set(
  answeringClients(Object.keys(methods) as MethodName[]).map((name) => methods[name].code),
);

/** What a walk found. */
export interface ReaperRound {
  /** Entries of the connection table seen; some connections have two. */
  readonly entries: number;
  /** Connections ended. */
  readonly ended: number;
}

/** One walk on its way. */
interface Walk {
  readonly dataplane: Dataplane;
  readonly now: () => number;
  readonly watch: Watch;
  readonly seen: Seen;
}

/** Whether tick `expiry` is at or before `now`, both modulo 2^32. */
export function hasPassed(expiry: number, now: number): boolean {
  return ((expiry - now - 1) | 0) < 0;
}

/**
 * One walk, and then what it allows: see LiveServices. A generator: it yields where it can be interrupted, and returns
 * what it found.
 */
export function* reap(dataplane: Dataplane, now: () => number): Generator<undefined, ReaperRound> {
  const { live, plan } = dataplane;
  const watch = live.watch();
  const walk: Walk = { dataplane, now, watch, seen: { relying: new Set(), answered: new Set() } };
  let entries = 0;
  let ended = 0;
  for (const name of plan.shape.families) {
    const round = yield* reapConnections(walk, families[name]);
    entries += round.entries;
    ended += round.ended;
    // Those that led no connections are free to go now.
    yield* reapTemplates(walk, families[name]);
  }
  live.tend(now(), { watch, seen: walk.seen });
  return { entries, ended };
}

function* reapConnections(walk: Walk, family: Family): Generator<undefined, ReaperRound> {
  const { dataplane, now, watch } = walk;
  const { name, FlowKey, Connection } = family;
  const { life: expiry, direction, destination: owner } = Connection.offsets;
  const ending = new Ending(dataplane, family, "connections");
  const isWatching = watch.doomed.size > 0 || watch.waiting.size > 0;
  let entries = 0;
  for (const batch of dataplane.maps[name].connections.batches(READ_BATCH)) {
    const values = new DataView(batch.values.buffer, batch.values.byteOffset, batch.values.byteLength);
    const tick = now();
    entries += batch.count;
    for (let index = 0; index < batch.count; index++) {
      const at = index * Connection.size;
      if (values.getUint8(at + direction) !== 0) continue;
      if (isWatching) look(walk, values, at, family);
      const isDoomed = isWatching && watch.doomed.has(values.getUint32(at + owner, true));
      if (!isDoomed && !hasPassed(values.getUint32(at + expiry, true), tick)) continue;
      ending.add(batch.keys, index * FlowKey.size, isDoomed ? "ofRemoved" : "expired");
    }
    yield;
  }
  ending.flush();
  return { entries, ended: ending.ended };
}

/** Notes of a connection what is watched for. */
function look({ watch, seen }: Walk, values: DataView, at: number, { Connection }: Family): void {
  const { destination, method, hasReplyEntry } = Connection.offsets;
  const owner = values.getUint32(at + destination, true);
  if (!watch.waiting.has(owner) || !answeringCodes.has(values.getUint8(at + method))) return;
  seen.answered.add(owner);
  if (values.getUint8(at + hasReplyEntry) === 0) seen.relying.add(owner);
}

function* reapTemplates({ dataplane, now, watch }: Walk, family: Family): Generator<undefined, void> {
  if (!dataplane.plan.shape.features.includes("persistence")) return;
  const { TemplateKey } = family;
  const { life, destination } = Template.offsets;
  const ending = new Ending(dataplane, family, "templates");
  for (const batch of dataplane.maps[family.name].templates.batches(READ_BATCH)) {
    const values = new DataView(batch.values.buffer, batch.values.byteOffset, batch.values.byteLength);
    const tick = now();
    for (let index = 0; index < batch.count; index++) {
      const at = index * Template.size;
      const isDoomed =
        watch.doomed.has(values.getUint32(at + destination, true)) &&
        readLife(values.getBigUint64(at + life, true)).controlled === 0;
      if (!isDoomed && !hasPassed(values.getUint32(at + life, true), tick)) continue;
      ending.add(batch.keys, index * TemplateKey.size, isDoomed ? "ofRemoved" : "expired");
    }
    yield;
  }
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
  readonly #waiting: Readonly<Record<Condition, { readonly keys: Uint8Array; count: number }>> = {
    expired: { keys: new Uint8Array(ReaperWork.fields.keys.size), count: 0 },
    ofRemoved: { keys: new Uint8Array(ReaperWork.fields.keys.size), count: 0 },
  };

  constructor(dataplane: Dataplane, { digit, FlowKey, TemplateKey }: Family, table: "connections" | "templates") {
    this.#dataplane = dataplane;
    this.#work = { family: Number(digit), table: reaperTables[table] };
    this.#keySize = table === "connections" ? FlowKey.size : TemplateKey.size;
  }

  /** The entry whose key stands in `keys` from `at` on. */
  add(keys: Uint8Array, at: number, condition: Condition): void {
    const waiting = this.#waiting[condition];
    waiting.keys.set(keys.subarray(at, at + this.#keySize), waiting.count * this.#keySize);
    if (++waiting.count === REAPER_BATCH) this.#run(condition);
  }

  flush(): void {
    this.#run("expired");
    this.#run("ofRemoved");
  }

  #run(condition: Condition): void {
    const waiting = this.#waiting[condition];
    if (waiting.count === 0) return;
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
