// Ends connections whose time is up: one walk over the table, which can be interrupted between two reads, and
// leaves the last word on each entry to the reaper program.

import { families, type Family, REAPER_BATCH, reaperTables, ReaperWork } from "@yardmaster/dataplane";
import type { Dataplane } from "../kernel/dataplane.ts";

/** Entries read with one call to the kernel. */
const READ_BATCH = 4096;
const ANY_PACKET = new Uint8Array(64);

/** What a walk over the table found. */
export interface ReaperRound {
  /** Entries seen; connections with a way back have two. */
  readonly entries: number;
  readonly ended: number;
}

/** Whether tick `expiry` is at or before `now`, both modulo 2^32. */
export function hasPassed(expiry: number, now: number): boolean {
  return ((expiry - now - 1) | 0) < 0;
}

/** One walk. A generator: it yields where it can be interrupted, and returns what it found. */
export function* reap(dataplane: Dataplane, now: () => number): Generator<undefined, ReaperRound> {
  const rounds: ReaperRound[] = [];
  for (const name of dataplane.plan.shape.families) rounds.push(yield* reapConnections(dataplane, families[name], now));
  const sum = (field: keyof ReaperRound) => rounds.reduce((all, round) => all + round[field], 0);
  return { entries: sum("entries"), ended: sum("ended") };
}

function* reapConnections(
  { maps, reaper }: Dataplane,
  { name, digit, FlowKey, Connection }: Family,
  now: () => number,
): Generator<undefined, ReaperRound> {
  const { life: expiry, direction } = Connection.offsets;
  const keys = new Uint8Array(ReaperWork.fields.keys.size);
  const work = { force: 0, family: Number(digit), table: reaperTables.connections, keys };
  let waiting = 0;
  let entries = 0;
  let ended = 0;
  const flush = () => {
    if (waiting === 0) return;
    maps.reaperWork.update(0, { ...work, count: waiting });
    ended += reaper.run({ packet: ANY_PACKET }).verdict;
    waiting = 0;
  };
  for (const batch of maps[name].connections.batches(READ_BATCH)) {
    const values = new DataView(batch.values.buffer, batch.values.byteOffset, batch.values.byteLength);
    const tick = now();
    entries += batch.count;
    for (let index = 0; index < batch.count; index++) {
      const at = index * Connection.size;
      if (values.getUint8(at + direction) !== 0 || !hasPassed(values.getUint32(at + expiry, true), tick)) continue;
      const key = index * FlowKey.size;
      keys.set(batch.keys.subarray(key, key + FlowKey.size), waiting * FlowKey.size);
      if (++waiting === REAPER_BATCH) flush();
    }
    yield;
  }
  flush();
  return { entries, ended };
}
