// Helpers that work on the packet or decide where it goes (net/core/filter.c).

import { EINVAL } from "../maps/store.ts";
import { SparseArrayStore } from "../maps/array-store.ts";
import { fold16 } from "../ones-complement.ts";
import { Fault } from "../vm-error.ts";
import type { HelperCall, HelperTable } from "./helper.ts";

const XDP_ABORTED = 0;
const XDP_REDIRECT = 4;
const TC_ACT_SHOT = 2;
const TC_ACT_REDIRECT = 7;
/** BPF_F_INGRESS of bpf_redirect in tc. */
const BPF_F_INGRESS = 1n;
/** Lower bits of bpf_redirect_map's flags: the verdict when the entry is not there. */
const ACTION_MASK = 3n;
/** BPF_FIB_LKUP_RET_NOT_FWDED: this host has no routes of its own. */
const NOT_FORWARDED = 4;
const MAX_CHECKSUM_BYTES = 512;

export const packetHelpers: HelperTable = {
  23: redirect,
  28: checksumDifference,
  44: (call) => (call.packet.adjustHead(call.int(2)) ? 0 : -EINVAL),
  51: redirectMap,
  65: (call) => (call.packet.adjustTail(call.int(2)) ? 0 : -EINVAL),
  69: () => NOT_FORWARDED,
  189: loadBytes,
  190: storeBytes,
};

function redirect(call: HelperCall): number {
  const flags = call.argument(2);
  const isXdp = call.programType === "xdp";
  if (isXdp && flags !== 0n) return XDP_ABORTED;
  if (!isXdp && (flags & ~BPF_F_INGRESS) !== 0n) return TC_ACT_SHOT;
  call.redirect(call.int(1));
  return isXdp ? XDP_REDIRECT : TC_ACT_REDIRECT;
}

function redirectMap(call: HelperCall): number {
  const { store, spec } = call.map(1);
  const flags = call.argument(3);
  if (!(store instanceof SparseArrayStore)) {
    throw new Fault("YM_VM_MAP", `${call.name}: map "${spec.name}" holds no devices`);
  }
  if ((flags & ~ACTION_MASK) !== 0n) return XDP_ABORTED;
  const key = new Uint8Array(new Uint32Array([call.int(2)]).buffer);
  const slot = store.find(key);
  if (slot < 0) return Number(flags & ACTION_MASK);
  call.redirect(store.values.bytes(slot).readUInt32LE(0));
  return XDP_REDIRECT;
}

/**
 * Checksum of `to` less that of `from`, on top of a seed; folded to 16 bits, as since Linux 6.13 on
 * every machine (net/core/filter.c, bpf_csum_diff). Earlier kernels do not fold, and refuse what is refused here.
 */
function checksumDifference(call: HelperCall): number {
  const fromSize = call.int(2) >>> 0;
  const toSize = call.int(4) >>> 0;
  const isOdd = ((fromSize | toSize) & 3) !== 0;
  if (isOdd || fromSize + toSize > MAX_CHECKSUM_BYTES) return -EINVAL;
  const seed = call.int(5) >>> 0;
  const from = fromSize === 0 ? undefined : call.bytes(1, fromSize);
  const to = toSize === 0 ? undefined : call.bytes(3, toSize);
  if (from !== undefined && to !== undefined) {
    return fold16(addCarry(sum(to, seed), ~sum(from, 0) >>> 0));
  }
  if (to !== undefined) return fold16(sum(to, seed));
  return from === undefined ? fold16(seed) : fold16(~sum(from, ~seed >>> 0) >>> 0);
}

/** One's-complement sum of 32-bit words. */
function sum(bytes: Uint8Array, seed: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let total = seed;
  for (let at = 0; at < bytes.length; at += 4) total = addCarry(total, view.getUint32(at, true));
  return total;
}

function addCarry(a: number, b: number): number {
  const total = a + b;
  return total > 0xffff_ffff ? (total + 1) >>> 0 : total;
}

function loadBytes(call: HelperCall): number {
  const length = call.int(4) >>> 0;
  const source = call.packet.slice(call.int(2) >>> 0, length);
  if (source === undefined) return -EINVAL;
  call.bytes(3, length).set(source);
  return 0;
}

function storeBytes(call: HelperCall): number {
  const length = call.int(4) >>> 0;
  const target = call.packet.slice(call.int(2) >>> 0, length);
  if (target === undefined) return -EINVAL;
  target.set(call.bytes(3, length));
  return 0;
}
