// A map in the kernel: keys and values go through the codecs of its spec, everything else through bpf(2).

import {
  BpfMapFlag,
  BpfMapType,
  BpfUpdateFlag,
  Errno,
  type FileDescriptor,
  MappedMemory,
  mapCreate,
  mapDelete,
  mapInfo,
  mapLookup,
  mapUpdate,
  mapUpdateBatch,
  possibleCpuCount,
  SyscallError,
} from "@yardmaster/linux";
import { exchangeProblem } from "../exchange.ts";
import type { BpfMap, Codec, MapPart, MapSpec, RawBatch, UpdateMode } from "../spec.ts";
import { ObjectError } from "./errors.ts";
import { loadMapTypes } from "./map-types.ts";
import { isArray, isBatched, isPerCpu, perCpuStride, wireValueSize } from "./map-kind.ts";
import { readParts, walkMap } from "./map-walk.ts";

/** Entries read or written with one call where the caller does not choose. */
const BATCH_SIZE = 4096;
/** A map of maps is given descriptors. */
const INNER_SIZE = 4;
const UPDATE_FLAGS = { any: BpfUpdateFlag.ANY, create: BpfUpdateFlag.NOEXIST, replace: BpfUpdateFlag.EXIST } as const;

/** The memory of an array map. Entry `i` begins at `i * stride`. */
export interface MappedArray extends Disposable {
  readonly buffer: ArrayBuffer;
  readonly stride: number;
  close(): void;
}

/** A live map in the kernel. */
export class KernelMap<K = unknown, V = unknown> implements BpfMap<K, V> {
  readonly spec: MapSpec<K, V>;
  readonly fd: FileDescriptor;
  /** Where values are exchanged, from the first time on. */
  #memory: MappedArray | undefined;

  /** Takes ownership of `fd`, a map that looks as `spec` says. */
  constructor(spec: MapSpec<K, V>, fd: FileDescriptor) {
    this.spec = spec;
    this.fd = fd;
  }

  /** The kernel's number for the map, as in `bpftool map`. */
  get id(): number {
    return mapInfo(this.fd).id;
  }

  lookup(key: K): V | undefined {
    if (isPerCpu(this.spec)) throw this.#misuse("looking up: each CPU has a value of its own, use lookupPerCpu");
    const value = new Uint8Array(this.spec.value.size);
    return mapLookup(this.fd, encode(this.spec.key, key), value) ? this.spec.value.decode(value) : undefined;
  }

  lookupPerCpu(key: K): V[] | undefined {
    if (!isPerCpu(this.spec)) throw this.#misuse("looking up per CPU: it has one value for all, use lookup");
    const values = new Uint8Array(wireValueSize(this.spec));
    return mapLookup(this.fd, encode(this.spec.key, key), values) ? this.#decodePerCpu(values, 0) : undefined;
  }

  /** Of a per-CPU map: every CPU gets `value`. */
  update(key: K, value: V, mode: UpdateMode = "any"): boolean {
    // The kernel refuses BPF_NOEXIST on an array with EEXIST whatever the key (array_map_update_elem).
    return mapUpdate(this.fd, encode(this.spec.key, key), this.#encodeValue(value), UPDATE_FLAGS[mode]);
  }

  updatePerCpu(key: K, values: readonly V[]): void {
    if (!isPerCpu(this.spec)) throw this.#misuse("updating per CPU: it has one value for all, use update");
    if (values.length !== possibleCpuCount()) {
      throw this.#misuse(`updating per CPU: ${values.length} values given for ${possibleCpuCount()} possible CPUs`);
    }
    const bytes = new Uint8Array(wireValueSize(this.spec));
    const stride = perCpuStride(this.spec.value.size);
    values.forEach((value, cpu) => {
      bytes.set(encode(this.spec.value, value), cpu * stride);
    });
    mapUpdate(this.fd, encode(this.spec.key, key), bytes, BpfUpdateFlag.ANY);
  }

  exchange(key: K, value: V): void {
    const problem = exchangeProblem(this.spec);
    if (problem !== undefined) throw this.#misuse(`exchanging: ${problem}`);
    const index = wordOf(encode(this.spec.key, key));
    if (index >= this.spec.maxEntries) throw this.#misuse(`exchanging: there is no entry ${index}`);
    const word = wordOf(encode(this.spec.value, value));
    const { buffer, stride } = (this.#memory ??= this.mmap());
    // Unlike the memcpy of BPF_MAP_UPDATE_ELEM it is one store, after all that was stored before.
    Atomics.store(new Uint32Array(buffer), (index * stride) / 4, word);
  }

  writeWords(words: Uint32Array): void {
    const problem = exchangeProblem(this.spec);
    if (problem !== undefined) throw this.#misuse(`writing words: ${problem}`);
    if (words.length > this.spec.maxEntries) throw this.#misuse(`writing words: ${words.length} are more than it has`);
    using memory = this.mmap();
    const target = new Uint32Array(memory.buffer);
    const step = memory.stride / 4;
    for (let at = 0; at < words.length; at++) target[at * step] = words[at] ?? 0;
  }

  updateInner(key: K, inner: BpfMap): void {
    mapUpdate(this.fd, encode(this.spec.key, key), this.#innerValue(inner), BpfUpdateFlag.ANY);
  }

  updateInners(entries: readonly (readonly [key: K, inner: BpfMap])[]): void {
    const { key } = this.spec;
    const keys = new Uint8Array(entries.length * key.size);
    const values = new Uint8Array(entries.length * INNER_SIZE);
    for (const [at, [entryKey, inner]] of entries.entries()) {
      keys.set(encode(key, entryKey), at * key.size);
      values.set(this.#innerValue(inner), at * INNER_SIZE);
    }
    try {
      if (entries.length > 0) mapUpdateBatch(this.fd, { keys, values, count: entries.length });
    } catch (error) {
      // Linux before 5.19 knows no batches of inner maps.
      if (!(error instanceof SyscallError) || error.errno !== Errno.ENOTSUPP) throw error;
      for (const [entryKey, inner] of entries) this.updateInner(entryKey, inner);
    }
  }

  #innerValue(inner: BpfMap): Uint8Array {
    if (!(inner instanceof KernelMap)) throw this.#misuse(`putting "${inner.spec.name}" in: it is not in the kernel`);
    return new Uint8Array(Uint32Array.of(inner.fd.value).buffer);
  }

  delete(key: K): boolean {
    if (isArray(this.spec)) throw this.#misuse("deleting: the entries of an array always exist; update it to zero");
    return mapDelete(this.fd, encode(this.spec.key, key));
  }

  *entries(): IterableIterator<[K, V]> {
    if (isPerCpu(this.spec)) throw this.#misuse("listing: each CPU has a value of its own, use entriesPerCpu");
    const { key, value } = this.spec;
    for (const { count, keys, values } of this.batches(BATCH_SIZE)) {
      for (let i = 0; i < count; i += 1) {
        yield [
          key.decode(keys.slice(i * key.size, (i + 1) * key.size)),
          value.decode(values.slice(i * value.size, (i + 1) * value.size)),
        ];
      }
    }
  }

  /** All entries of a per-CPU map, each with one value per possible CPU. */
  *entriesPerCpu(): IterableIterator<[K, V[]]> {
    if (!isPerCpu(this.spec)) throw this.#misuse("listing per CPU: it has one value for all, use entries");
    const { key } = this.spec;
    const size = wireValueSize(this.spec);
    for (const { count, keys, values } of this.batches(BATCH_SIZE)) {
      for (let i = 0; i < count; i += 1) {
        yield [key.decode(keys.slice(i * key.size, (i + 1) * key.size)), this.#decodePerCpu(values, i * size)];
      }
    }
  }

  /** As the contract says; of a per-CPU map a value is one after another for each possible CPU, each rounded
   * up to 8 bytes. A batch is larger than asked for when a hash bucket is. */
  batches(batchSize: number): IterableIterator<RawBatch> {
    return walkMap(this.fd, this.spec, batchSize);
  }

  parts(room: number): (from: number) => MapPart {
    return readParts(this.fd, this.spec, room);
  }

  updateBatch(entries: Iterable<readonly [K, V]>): void {
    const { key } = this.spec;
    if (!isBatched(this.spec)) {
      for (const [entryKey, value] of entries) this.update(entryKey, value);
      return;
    }
    const valueSize = wireValueSize(this.spec);
    const room = Array.isArray(entries) ? Math.min(entries.length, BATCH_SIZE) : BATCH_SIZE;
    const keys = new Uint8Array(room * key.size);
    const values = new Uint8Array(room * valueSize);
    const putKey = writer(key, keys);
    // Of a per-CPU map a value is written for each CPU.
    const putValue = isPerCpu(this.spec)
      ? (value: V, at: number) => values.set(this.#encodeValue(value), at)
      : writer(this.spec.value, values);
    let count = 0;
    for (const [entryKey, value] of entries) {
      putKey(entryKey, count * key.size);
      putValue(value, count * valueSize);
      count += 1;
      if (count === BATCH_SIZE) {
        mapUpdateBatch(this.fd, { keys, values, count });
        count = 0;
      }
    }
    if (count > 0) mapUpdateBatch(this.fd, { keys, values, count });
  }

  updateRaw({ keys, values, count }: RawBatch): void {
    if (count === 0) return;
    if (!isBatched(this.spec)) throw this.#misuse("writing raw entries: the kernel takes none in batches");
    mapUpdateBatch(this.fd, { keys, values, count });
  }

  /** Maps an array map that has BPF_F_MMAPABLE into memory: values are read and written without a call. */
  mmap(): MappedArray {
    if (this.spec.type !== "array" || (this.spec.flags & BpfMapFlag.MMAPABLE) === 0) {
      throw this.#misuse("mapping it into memory: only an array with the flag BPF_F_MMAPABLE can be");
    }
    // Values lie 8 bytes apart or a multiple of it (kernel/bpf/arraymap.c, array_map_alloc).
    const stride = perCpuStride(this.spec.value.size);
    const memory = new MappedMemory({ fd: this.fd, length: stride * this.spec.maxEntries, access: "read-write" });
    return {
      buffer: memory.buffer,
      stride,
      close: () => memory.close(),
      [Symbol.dispose]: () => memory.close(),
    };
  }

  close(): void {
    this.#memory?.close();
    this.#memory = undefined;
    this.fd.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #encodeValue(value: V): Uint8Array {
    const bytes = encode(this.spec.value, value);
    if (!isPerCpu(this.spec)) return bytes;
    const repeated = new Uint8Array(wireValueSize(this.spec));
    const stride = perCpuStride(bytes.length);
    for (let at = 0; at < repeated.length; at += stride) repeated.set(bytes, at);
    return repeated;
  }

  #decodePerCpu(values: Uint8Array, offset: number): V[] {
    const { size } = this.spec.value;
    const stride = perCpuStride(size);
    return Array.from({ length: possibleCpuCount() }, (_, cpu) => {
      const at = offset + cpu * stride;
      return this.spec.value.decode(values.slice(at, at + size));
    });
  }

  #misuse(what: string): ObjectError {
    return new ObjectError("YM_MAP_USE", `map "${this.spec.name}" (${this.spec.type}): ${what}`);
  }
}

function wordOf({ buffer, byteOffset }: Uint8Array): number {
  return new DataView(buffer, byteOffset).getUint32(0, true);
}

function encode<T>(codec: Codec<T>, value: T): Uint8Array {
  const bytes = codec.encode(value);
  // The kernel would read beyond a shorter array.
  if (bytes.length === codec.size) return bytes;
  throw new ObjectError("YM_MAP_USE", `encoding an entry: the codec made ${bytes.length} bytes, not ${codec.size}`);
}

/** What writes values one after the other into `target`, without an array for each where the codec knows how. */
function writer<T>(codec: Codec<T>, target: Uint8Array): (value: T, at: number) => void {
  const view = new DataView(target.buffer, target.byteOffset, target.byteLength);
  if (codec.encodeInto === undefined) return (value, at) => target.set(encode(codec, value), at);
  return (value, at) => codec.encodeInto?.(value, view, at);
}

/** Key and value sizes as the kernel wants them: a ring buffer has none (kernel/bpf/ringbuf.c). */
function sizesOf(spec: MapSpec): { readonly keySize: number; readonly valueSize: number } {
  if (spec.type === "ringbuf") return { keySize: 0, valueSize: 0 };
  return { keySize: spec.key.size, valueSize: spec.value.size };
}

function create(spec: MapSpec): FileDescriptor {
  const { name, maxEntries, flags } = spec;
  using template = spec.inner === undefined ? undefined : create(spec.inner);
  const btf = loadMapTypes(spec);
  using _types = btf?.fd;
  const type = BpfMapType[spec.type];
  return mapCreate({ name, type, ...sizesOf(spec), maxEntries, flags, innerMap: template, btf });
}

/** Creates a map. Throws a SyscallError when the kernel refuses, with what was asked for in the text. */
export function createKernelMap<K, V>(spec: MapSpec<K, V>): KernelMap<K, V> {
  const isMapOfMaps = spec.type === "array_of_maps" || spec.type === "hash_of_maps";
  if (isMapOfMaps !== (spec.inner !== undefined)) {
    const problem = isMapOfMaps ? "a map of maps needs `inner`" : `a ${spec.type} has no \`inner\``;
    throw new ObjectError("YM_MAP_USE", `creating map "${spec.name}": ${problem}`);
  }
  return new KernelMap(spec, create(spec as MapSpec));
}

/** The map under another description; see BpfHost. Throws ObjectError (YM_MAP_MISMATCH) where that does not fit. */
export function reopenKernelMap<K, V>(map: BpfMap, spec: MapSpec<K, V>): KernelMap<K, V> {
  const doing = `opening map "${spec.name}" once more`;
  if (!(map instanceof KernelMap)) throw new ObjectError("YM_MAP_USE", `${doing}: it is not in the kernel`);
  if (spec.inner !== undefined) throw new ObjectError("YM_MAP_USE", `${doing}: maps of maps cannot be`);
  assertMapMatches(map.fd, spec as MapSpec);
  return new KernelMap(spec, map.fd.duplicate());
}

/** Throws unless the map behind `fd` has the type, sizes and flags of `spec`. */
export function assertMapMatches(fd: FileDescriptor, spec: MapSpec): void {
  const info = mapInfo(fd);
  const { keySize, valueSize } = sizesOf(spec);
  const wanted = { type: BpfMapType[spec.type], keySize, valueSize, maxEntries: spec.maxEntries, flags: spec.flags };
  const differing = (Object.keys(wanted) as (keyof typeof wanted)[]).filter((name) => wanted[name] !== info[name]);
  if (differing.length === 0) return;
  const list = differing.map((name) => `${name} is ${info[name]}, expected ${wanted[name]}`).join("; ");
  throw new ObjectError("YM_MAP_MISMATCH", `opening map "${spec.name}": it is another one than expected: ${list}`);
}
