// bpf(2) commands on maps. Keys and values are bytes here; ebpf/kernel/map.ts gives them meaning.

import { Errno } from "../errno.ts";
import { FileDescriptor } from "../fd.ts";
import { BpfAttribute, bpfError } from "./attribute.ts";
import { BpfUpdateFlag } from "./constants.ts";

/** Arguments of BPF_MAP_CREATE. */
export interface MapCreateOptions {
  readonly name: string;
  /** One of BpfMapType. */
  readonly type: number;
  readonly keySize: number;
  readonly valueSize: number;
  readonly maxEntries: number;
  readonly flags: number;
  /** Of a map of maps: a map that shows what the inner ones look like. */
  readonly innerMap?: FileDescriptor | undefined;
  /** Types of key and value, for those who dump the map. */
  readonly btf?: { readonly fd: FileDescriptor; readonly keyTypeId: number; readonly valueTypeId: number } | undefined;
}

/** Creates a map. */
export function mapCreate(options: MapCreateOptions): FileDescriptor {
  const attr = new BpfAttribute(72)
    .u32(0, options.type)
    .u32(4, options.keySize)
    .u32(8, options.valueSize)
    .u32(12, options.maxEntries)
    .u32(16, options.flags)
    .u32(20, options.innerMap?.value ?? 0)
    .name(28, options.name);
  if (options.btf !== undefined) {
    attr.u32(48, options.btf.fd.value).u32(52, options.btf.keyTypeId).u32(56, options.btf.valueTypeId);
  }
  return new FileDescriptor(attr.call("MAP_CREATE", `creating map "${options.name}"`), `map "${options.name}"`);
}

function element(map: FileDescriptor, key: Uint8Array | undefined, value: Uint8Array | undefined): BpfAttribute {
  return new BpfAttribute(32).u32(0, map.value).pointer(8, key).pointer(16, value);
}

/** Reads the value at `key` into `value` (of a per-CPU map: all of them); false where there is none. */
export function mapLookup(map: FileDescriptor, key: Uint8Array, value: Uint8Array): boolean {
  const result = element(map, key, value).tryCall("MAP_LOOKUP_ELEM");
  if (result === -Errno.ENOENT) return false;
  if (result < 0) throw bpfError("MAP_LOOKUP_ELEM", `looking up in ${map.what}`, -result);
  return true;
}

/** Writes an entry. False where `flags` (BpfUpdateFlag) forbids it: it exists, or it does not. */
export function mapUpdate(map: FileDescriptor, key: Uint8Array, value: Uint8Array, flags: number): boolean {
  const result = element(map, key, value).u64(24, flags).tryCall("MAP_UPDATE_ELEM");
  if (result === -Errno.EEXIST && flags === BpfUpdateFlag.NOEXIST) return false;
  if (result === -Errno.ENOENT && flags === BpfUpdateFlag.EXIST) return false;
  if (result < 0) throw bpfError("MAP_UPDATE_ELEM", `updating ${map.what}`, -result);
  return true;
}

/** Deletes an entry; false where there was none. */
export function mapDelete(map: FileDescriptor, key: Uint8Array): boolean {
  const result = element(map, key, undefined).tryCall("MAP_DELETE_ELEM");
  if (result === -Errno.ENOENT) return false;
  if (result < 0) throw bpfError("MAP_DELETE_ELEM", `deleting from ${map.what}`, -result);
  return true;
}

/** Writes the key after `key` (undefined: the first) into `next`; false at the end. */
export function mapGetNextKey(map: FileDescriptor, key: Uint8Array | undefined, next: Uint8Array): boolean {
  const result = element(map, key, next).tryCall("MAP_GET_NEXT_KEY");
  if (result === -Errno.ENOENT) return false;
  if (result < 0) throw bpfError("MAP_GET_NEXT_KEY", `walking ${map.what}`, -result);
  return true;
}

/** Buffers of a batch command. */
export interface MapBatch {
  readonly keys: Uint8Array;
  readonly values: Uint8Array;
  /** How many entries the buffers have room for, or hold. */
  readonly count: number;
}

/** Where a batch walk stands: opaque, written by the kernel, at least 8 bytes and a key long. */
export interface BatchTokens {
  /** Undefined to begin at the start. */
  readonly from: Uint8Array | undefined;
  readonly to: Uint8Array;
}

/** How a batch lookup ended: `more` to come, `end` reached, or `grow` (a bucket did not fit the buffers). */
export interface BatchLookup {
  readonly state: "more" | "end" | "grow";
  readonly count: number;
}

/**
 * Reads up to `batch.count` entries. A hash map is read bucket by bucket; one that does not fit into the
 * buffers is answered with ENOSPC, here `grow`: ask again from the same token with more room.
 */
export function mapLookupBatch(map: FileDescriptor, batch: MapBatch, tokens: BatchTokens): BatchLookup {
  const attr = new BpfAttribute(56)
    .pointer(0, tokens.from)
    .pointer(8, tokens.to)
    .pointer(16, batch.keys)
    .pointer(24, batch.values)
    .u32(32, batch.count)
    .u32(36, map.value);
  const result = attr.tryCall("MAP_LOOKUP_BATCH");
  if (result === -Errno.ENOSPC) return { state: "grow", count: 0 };
  if (result === -Errno.ENOENT) return { state: "end", count: attr.getU32(32) };
  if (result < 0) throw bpfError("MAP_LOOKUP_BATCH", `reading ${map.what} in batches`, -result);
  return { state: "more", count: attr.getU32(32) };
}

/** Writes `batch.count` entries, replacing those that exist. Throws at the first that fails; those before it
 * are written. */
export function mapUpdateBatch(map: FileDescriptor, batch: MapBatch): void {
  const attr = new BpfAttribute(56).pointer(16, batch.keys).pointer(24, batch.values);
  const result = attr.u32(32, batch.count).u32(36, map.value).tryCall("MAP_UPDATE_BATCH");
  if (result >= 0) return;
  const doing = `updating ${map.what} in batches (${attr.getU32(32)} of ${batch.count} entries written)`;
  throw bpfError("MAP_UPDATE_BATCH", doing, -result);
}

/** Deletes `count` entries; true when all were there, false when the kernel stopped at one that was not. */
export function mapDeleteBatch(map: FileDescriptor, keys: Uint8Array, count: number): boolean {
  const attr = new BpfAttribute(56).pointer(16, keys).u32(32, count).u32(36, map.value);
  const result = attr.tryCall("MAP_DELETE_BATCH");
  if (result === -Errno.ENOENT) return false;
  if (result < 0) throw bpfError("MAP_DELETE_BATCH", `deleting from ${map.what} in batches`, -result);
  return true;
}
