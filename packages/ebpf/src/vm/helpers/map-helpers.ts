// Helpers that work on maps (kernel/bpf/helpers.c, kernel/bpf/ringbuf.c, kernel/bpf/arraymap.c).

import { RingBuffer } from "../maps/ring-buffer.ts";
import { E2BIG, EINVAL } from "../maps/store.ts";
import { Fault } from "../vm-error.ts";
import type { HelperCall, HelperTable } from "./helper.ts";

/** BPF_MAX_LOOPS (include/linux/bpf.h). */
const MAX_LOOPS = 8 * 1024 * 1024;

export const mapHelpers: HelperTable = {
  1: lookup,
  2: update,
  3: remove,
  130: outputToRing,
  164: forEach,
  181: loop,
};

function lookup(call: HelperCall): bigint {
  const map = call.map(1);
  return map.pointerAt(map.store.find(call.bytes(2, map.spec.key.size)), call.cpu);
}

function update(call: HelperCall): number {
  const map = call.map(1);
  const { store, spec } = map;
  // Copied: the bytes may lie in this very map, whose area can move when it grows.
  const value = new Uint8Array(call.bytes(3, spec.value.size));
  const slot = store.claim(call.bytes(2, spec.key.size), Number(call.argument(4)));
  if (slot < 0) return slot;
  store.values.bytes(slot, spec.type.includes("percpu") ? call.cpu : 0).set(value);
  return 0;
}

function remove(call: HelperCall): number {
  const map = call.map(1);
  return map.store.remove(call.bytes(2, map.spec.key.size));
}

function outputToRing(call: HelperCall): number {
  const { store, spec } = call.map(1);
  if (!(store instanceof RingBuffer)) {
    throw new Fault("YM_VM_MAP", `${call.name}: map "${spec.name}" is no ring buffer`);
  }
  return store.write(call.bytes(2, Number(call.argument(3))));
}

/** Calls back with (map, key, value, context) until an answer other than 0; counts the calls. */
function forEach(call: HelperCall): number {
  if (call.argument(4) !== 0n) return -EINVAL;
  const map = call.map(1);
  const pointer = call.argument(1);
  const context = call.argument(3);
  const callee = call.callee(2);
  let count = 0;
  for (const [key, slot] of map.store.entries()) {
    count += 1;
    const value = map.pointerAt(slot, call.cpu);
    const answer = call.withScratch(key, (keyPointer) => callee([pointer, keyPointer, value, context]));
    if (answer !== 0n) break;
  }
  return count;
}

/** Calls back with (index, context) until an answer other than 0; counts the calls. */
function loop(call: HelperCall): number {
  if (call.argument(4) !== 0n) return -EINVAL;
  const rounds = call.int(1) >>> 0;
  if (rounds > MAX_LOOPS) return -E2BIG;
  const context = call.argument(3);
  const callee = call.callee(2);
  for (let index = 0; index < rounds; index++) {
    if (callee([BigInt(index), context]) !== 0n) return index + 1;
  }
  return rounds;
}
