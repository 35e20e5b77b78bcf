// Maps as programs use them. A definition is the specification that a host makes real, and the staged
// operations on it, in one value.

import type { Codec, MapSpec, MapType, UpdateMode } from "../spec.ts";
import { constant, type Operand, type StackSlot, type VirtualRegister } from "../ir/operation.ts";
import { BuildError } from "./build-error.ts";
import { builder } from "./builder.ts";
import { Maybe } from "./maybe.ts";
import { assertName } from "./name.ts";
import { callerPosition } from "./position.ts";
import { addressOf, type Located, type Place, PLACE, place } from "./reference.ts";
import { Bool, Int, type Net } from "./scalar.ts";
import {
  type AnyStruct,
  type ArrayReference,
  type Fields,
  type Initial,
  type JsObject,
  type Reference,
  type Struct,
  struct,
} from "./struct.ts";
import {
  type AnyType,
  type BytesReference,
  codecOf,
  type DataType,
  type IntType,
  type JsOf,
  type NetType,
  type StagedOf,
  u32,
} from "./types.ts";

// enum bpf_func_id, include/uapi/linux/bpf.h
const MAP_LOOKUP_ELEM = 1;
const MAP_UPDATE_ELEM = 2;
const MAP_DELETE_ELEM = 3;
/** BPF_ANY, BPF_NOEXIST, BPF_EXIST. */
const UPDATE_FLAGS: Readonly<Record<UpdateMode, number>> = { any: 0, create: 1, replace: 2 };

// Flags of map_create, include/uapi/linux/bpf.h
export const BPF_F_NO_PREALLOC = 1;
export const BPF_F_INNER_MAP = 1 << 12;
export const BPF_F_MMAPABLE = 1 << 10;

export interface MapOptions {
  /** BPF_F_* bits. */
  readonly flags?: number;
}

// Keys and values stand on both sides of assignments, so `unknown` does not do.
// oxlint-disable-next-line typescript/no-explicit-any
type AnyMap = MapSpec<any, any>;
type FieldsOf<T> = T extends Struct<infer F> ? F : never;

/** A hash map with structures as keys. */
export interface HashMap<K extends AnyStruct, V extends AnyStruct> {
  readonly spec: MapSpec<JsObject<FieldsOf<K>>, JsObject<FieldsOf<V>>>;
  /** The entry's value, in place: assigning its fields changes the map. */
  lookup(key: Initial<FieldsOf<K>> | Reference<FieldsOf<K>>): Maybe<Reference<FieldsOf<V>>>;
  /** 0, or a negative errno as an unsigned 32-bit number. */
  update(
    key: Initial<FieldsOf<K>> | Reference<FieldsOf<K>>,
    value: Initial<FieldsOf<V>> | Reference<FieldsOf<V>>,
    mode?: UpdateMode,
  ): Int<"u32">;
  /** 0, or a negative errno (-ENOENT where there was none). Of several CPUs that delete one entry, one gets 0. */
  delete(key: Initial<FieldsOf<K>> | Reference<FieldsOf<K>>): Int<"u32">;
}

/** What prefixes are taken of, the most significant byte first: numbers in network order and bytes. */
export type PrefixFields = {
  readonly [name: string]:
    | IntType<"u8">
    | NetType<"be16" | "be32">
    | DataType<Uint8Array, BytesReference>
    | DataType<number[], ArrayReference<Net<"be16" | "be32">>>
    | Struct<PrefixFields>;
};

/** A map of prefixes, in which the longest one that fits is found. */
export interface LpmTrie<D extends Struct<PrefixFields>, V extends AnyStruct> {
  /** A key of the control plane is the data and how many of its bits count, from the first; the others are ignored. */
  readonly spec: MapSpec<JsObject<{ readonly prefixLength: typeof u32; readonly data: D }>, JsObject<FieldsOf<V>>>;
  /** The value of the longest prefix of `data`, in place. */
  lookup(data: Initial<FieldsOf<D>> | Reference<FieldsOf<D>>): Maybe<Reference<FieldsOf<V>>>;
}

/** An array map, shared or per CPU. */
export interface ArrayMap<V extends AnyType> {
  readonly spec: MapSpec<number, JsOf<V>>;
  readonly valueType: V;
  lookup(index: Int | number): Maybe<StagedOf<V> & Located>;
}

/** An array of arrays: the inner one is exchanged whole. */
export interface ArrayOfArrays<V extends AnyType> {
  readonly spec: MapSpec<number, number>;
  lookup(index: Int | number): Maybe<Pick<ArrayMap<V>, "lookup">>;
}

/** A single structure at a fixed address: the cheapest access there is. */
export interface Global<S extends AnyStruct> {
  readonly spec: MapSpec<number, JsObject<FieldsOf<S>>>;
  /** Its content. Read it inside a program body. */
  readonly value: Reference<FieldsOf<S>>;
}

export function hashMap<K extends AnyStruct, V extends AnyStruct>(
  name: string,
  key: K,
  value: V,
  maxEntries: number,
  options: MapOptions & { readonly type?: "hash" | "lru_hash" } = {},
): HashMap<K, V> {
  assertName(name);
  const spec = { name, type: options.type ?? "hash", key, value, maxEntries, flags: options.flags ?? 0 } as HashMap<
    K,
    V
  >["spec"];
  return {
    spec,
    lookup: (at) => lookupEntry(spec, inMemory("key", key, at), value),
    update(at, content, mode = "any") {
      const keyAt = inMemory("key", key, at);
      const valueAt = inMemory("value", value, content);
      return errorOf(callMap(spec, MAP_UPDATE_ELEM, [keyAt, valueAt, constant(UPDATE_FLAGS[mode])]));
    },
    delete: (at) => errorOf(callMap(spec, MAP_DELETE_ELEM, [inMemory("key", key, at)])),
  };
}

/** LPM_DATA_SIZE_MAX, kernel/bpf/lpm_trie.c. */
const MAX_PREFIX_BYTES = 256;

/**
 * A map from prefixes of `data` to values (BPF_MAP_TYPE_LPM_TRIE). Fields that come first count first: an exact one
 * before the address keeps apart what lies in one map. `data` has no padding, since its bits would count, too.
 * Throws BuildError where it has, or where it is longer than 256 bytes.
 */
export function lpmTrie<D extends Struct<PrefixFields>, V extends AnyStruct>(
  name: string,
  data: D,
  value: V,
  maxEntries: number,
  options: MapOptions = {},
): LpmTrie<D, V> {
  assertName(name);
  assertPrefixData(name, data);
  // struct bpf_lpm_trie_key_hdr, include/uapi/linux/bpf.h; the kernel makes no trie with preallocation.
  const key = struct(`${data.typeName}_prefix`, { prefixLength: u32, data });
  const flags = (options.flags ?? 0) | BPF_F_NO_PREALLOC;
  const spec = { name, type: "lpm_trie", key, value, maxEntries, flags } as unknown as LpmTrie<D, V>["spec"];
  return {
    spec,
    lookup: (at) => lookupEntry(spec, temporary("key", key, { prefixLength: data.size * 8, data: at }), value),
  };
}

function assertPrefixData(name: string, data: AnyType): void {
  const padding = data.size - bytesOfFields(data);
  const problem =
    padding > 0
      ? `${data.typeName} has ${padding} bytes of padding, whose bits would count; fill them with fields`
      : data.size > MAX_PREFIX_BYTES
        ? `${data.typeName} has ${data.size} bytes; ${MAX_PREFIX_BYTES} are the most`
        : undefined;
  if (problem !== undefined)
    throw new BuildError("YM_BUILD_RANGE", `prefixes of "${name}": ${problem}`, callerPosition());
}

/** Bytes of `type` without padding. */
function bytesOfFields(type: AnyType): number {
  if (!("fields" in type)) return type.size;
  return Object.values((type as AnyStruct).fields as Fields).reduce((sum, field) => sum + bytesOfFields(field), 0);
}

export function arrayMap<V extends AnyType>(
  name: string,
  valueType: V,
  maxEntries: number,
  options: MapOptions & { readonly perCpu?: true } = {},
): ArrayMap<V> {
  const type: MapType = options.perCpu === true ? "percpu_array" : "array";
  const spec = indexed(name, type, codecOf(valueType) as Codec<JsOf<V>>, maxEntries, options.flags ?? 0);
  return {
    spec,
    valueType,
    lookup(index) {
      builder().useMap(spec as MapSpec);
      return lookupIndex({ kind: "map", map: spec as MapSpec }, index, valueType, name);
    },
  };
}

/** An array whose elements are arrays like `inner`. */
export function arrayOfArrays<V extends AnyType>(
  name: string,
  inner: ArrayMap<V>,
  maxEntries: number,
): ArrayOfArrays<V> {
  const spec = {
    ...indexed(name, "array_of_maps", codecOf(u32) as Codec<number>, maxEntries, 0),
    inner: inner.spec as MapSpec,
  };
  return {
    spec,
    lookup(index) {
      const found = callMap(spec as MapSpec, MAP_LOOKUP_ELEM, [temporary("key", u32, index)]);
      return new Maybe(isNotNull(found), () => ({
        lookup: (innerIndex: Int | number) => lookupIndex(found, innerIndex, inner.valueType, inner.spec.name),
      }));
    },
  };
}

export function global<S extends AnyStruct>(name: string, type: S, options: MapOptions = {}): Global<S> {
  const spec = indexed(name, "array", type as Codec<JsObject<FieldsOf<S>>>, 1, options.flags ?? 0);
  return {
    spec,
    get value() {
      const build = builder();
      build.useMap(spec as MapSpec);
      const target = build.register();
      build.emit({ kind: "mapValue", target, map: spec as MapSpec, offset: 0 });
      return type.access(place(target, name)) as Reference<FieldsOf<S>>;
    },
  };
}

/**
 * A structure in the function's frame. Without `initial` its content is undefined: the verifier refuses
 * reads before writes. Structures that name the same `share` lie in the same bytes.
 */
export function stack<F extends Fields>(
  type: Struct<F>,
  initial?: Initial<F>,
  options: { readonly share?: string } = {},
): Reference<F> {
  const { share } = options;
  const slot = share === undefined ? builder().slot(type.size) : builder().sharedSlot(`stack ${share}`, type.size);
  const at = place(slot, type.typeName);
  if (initial !== undefined) type.assign(at, initial as JsObject<F>);
  return type.access(at);
}

const INDEX: Codec<number> = codecOf(u32) as Codec<number>;

function indexed<Js>(
  name: string,
  type: MapType,
  value: Codec<Js>,
  maxEntries: number,
  flags: number,
): MapSpec<number, Js> {
  assertName(name);
  return { name, type, key: INDEX, value, maxEntries, flags };
}

function lookupIndex<V extends AnyType>(
  map: Operand,
  index: Int | number,
  type: V,
  what: string,
): Maybe<StagedOf<V> & Located> {
  if (index instanceof Int && index.kind === "u64") {
    const message = `array ${what} is looked up by a u64, its indexes are u32: cut it with toU32()`;
    throw new BuildError("YM_BUILD_RANGE", message, callerPosition());
  }
  const target = builder().register();
  builder().emit({ kind: "call", helper: MAP_LOOKUP_ELEM, arguments: [map, temporary("key", u32, index)], target });
  return new Maybe(isNotNull(target), () => type.access(place(target, `entry of ${what}`)) as StagedOf<V> & Located);
}

/**
 * What an update or deletion returned. The kernel calls the map's own function, which returns an `int`:
 * before Linux 6.4 the upper half of the register is not defined (seen on 6.1).
 */
function errorOf(result: VirtualRegister): Int<"u32"> {
  return new Int("u64", result).toU32();
}

function callMap(spec: AnyMap, helper: number, rest: Operand[]): VirtualRegister {
  const build = builder();
  build.useMap(spec);
  const target = build.register();
  build.emit({ kind: "call", helper, arguments: [{ kind: "map", map: spec }, ...rest], target });
  return target;
}

function lookupEntry<V extends AnyStruct>(spec: AnyMap, key: Operand, value: V): Maybe<Reference<FieldsOf<V>>> {
  const found = callMap(spec, MAP_LOOKUP_ELEM, [key]);
  const access = () => value.access(place(found, `entry of ${spec.name}`)) as Reference<FieldsOf<V>>;
  return new Maybe(isNotNull(found), access);
}

/** The address of `content`, where it lies in memory as `type` lays it out, or of a copy in the frame. */
function inMemory(use: "key" | "value", type: AnyStruct, content: object): VirtualRegister | StackSlot {
  if (type.isReference(content) && content[PLACE].isUntraced !== true) return addressOf(content[PLACE]);
  return temporary(use, type, content);
}

/** Puts `content` into the frame for the length of one call; calls share the bytes. */
function temporary(use: "key" | "value", type: AnyType, content: unknown): StackSlot {
  const slot = builder().sharedSlot(use, type.size);
  const at: Place = place(slot, type.typeName);
  type.assign(at, content);
  return slot;
}

function isNotNull(pointer: VirtualRegister): Bool {
  return new Bool({ kind: "compare", comparison: { operator: "jne", width: 64, left: pointer, right: constant(0) } });
}
