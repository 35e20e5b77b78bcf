// Ends connections whose time is up. Walks the table in slices, so that the event loop stays free, and
// leaves the last word on each entry to the reaper program.

import { Connection, FlowKey, REAPER_BATCH } from "@yardmaster/dataplane";
import { setTimeout as sleep } from "node:timers/promises";
import type { Dataplane } from "../kernel/dataplane.ts";

/** Entries read with one call to the kernel. */
const READ_BATCH = 4096;
/** Milliseconds of work between two pauses, and the pause: at most a fifth of a core. */
const SLICE_MS = 10;
const PAUSE_MS = 40;
const ROUND_MS = 1000;
const ANY_PACKET = new Uint8Array(64);
const EXPIRY = Connection.offsets.life;
const DIRECTION = Connection.offsets.direction;

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
  const keys = new Uint8Array(REAPER_BATCH * FlowKey.size);
  let waiting = 0;
  let entries = 0;
  let ended = 0;
  const flush = () => {
    if (waiting === 0) return;
    dataplane.maps.reaperWork.update(0, { count: waiting, force: 0, keys });
    ended += dataplane.reaper.run({ packet: ANY_PACKET }).verdict;
    waiting = 0;
  };
  for (const batch of dataplane.maps.connections.batches(READ_BATCH)) {
    const values = new DataView(batch.values.buffer, batch.values.byteOffset, batch.values.byteLength);
    const tick = now();
    entries += batch.count;
    for (let index = 0; index < batch.count; index++) {
      const at = index * Connection.size;
      if (values.getUint8(at + DIRECTION) !== 0 || !hasPassed(values.getUint32(at + EXPIRY, true), tick)) continue;
      const key = index * FlowKey.size;
      keys.set(batch.keys.subarray(key, key + FlowKey.size), waiting * FlowKey.size);
      if (++waiting === REAPER_BATCH) flush();
    }
    yield;
  }
  flush();
  return { entries, ended };
}

/** Walks the table about once a second until `signal` is aborted; `onRound` gets each result. */
export async function keepReaping(
  dataplane: Dataplane,
  now: () => number,
  signal: AbortSignal,
  onRound: (round: ReaperRound) => void,
): Promise<void> {
  while (!signal.aborted) {
    const walk = reap(dataplane, now);
    let sliceStart = performance.now();
    for (let step = walk.next(); ; step = walk.next()) {
      if (step.done === true) {
        onRound(step.value);
        break;
      }
      if (performance.now() - sliceStart < SLICE_MS) continue;
      if (!(await pause(PAUSE_MS, signal))) return;
      sliceStart = performance.now();
    }
    await pause(ROUND_MS, signal);
  }
}

/** Waits; false when `signal` was aborted. */
export async function pause(ms: number, signal: AbortSignal): Promise<boolean> {
  try {
    await sleep(ms, undefined, { signal });
    return true;
  } catch (error) {
    if (signal.aborted) return false;
    throw error;
  }
}
