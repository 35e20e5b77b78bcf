// What memory can hold. One value of these is everything at once: the TypeScript type, the byte
// layout, the codec of the control plane, the staged access of programs, and the BTF type.

import type { BtfBuilder, BtfTypeId } from "../btf/index.ts";
import type { Layout } from "../layout.ts";
import type { Codec } from "../spec.ts";
import { constant } from "../ir/operation.ts";
import { Int, type IntKind, Net, netConstant, type NetKind, operandOf } from "./scalar.ts";
import { copyBytes, loadAt, type Located, type Place, PLACE, storeAt, within } from "./reference.ts";

/**
 * A type of data in memory. `Js` is what the control plane reads and writes, `S` what programs see.
 */
export interface DataType<Js = unknown, S = unknown> {
  readonly typeName: string;
  /** Bytes. */
  readonly size: number;
  /** Its address is a multiple of this, in bytes, counted from the start of the structure. */
  readonly alignment: number;
  /** Where its parts stand; absent of what is in programs only. */
  readonly layout?: Layout;
  /** Writes `value` at byte `at`; `path` names it in errors (RangeError, TypeError). */
  write(view: DataView, at: number, value: Js, path: string): void;
  read(view: DataView, at: number): Js;
  /** Scalars: loads. Aggregates: a reference. */
  access(at: Place): S;
  /** Stores a staged value, or a JavaScript value known while building. */
  assign(at: Place, value: S | Js): void;
  btf(builder: BtfBuilder): BtfTypeId;
}

/** A type whatever it holds. Its parameters stand on both sides of assignments, so `unknown` does not do. */
// oxlint-disable-next-line typescript/no-explicit-any
export type AnyType = DataType<any, any>;

/** What the control plane gives and gets for type `T`. */
export type JsOf<T> = T extends DataType<infer Js, infer _S> ? Js : never;
/** What a program sees for type `T`. */
export type StagedOf<T> = T extends DataType<infer _Js, infer S> ? S : never;

/** A host-order integer type; called with a number it is a staged constant. */
export interface IntType<K extends IntKind> extends DataType<K extends "u64" ? bigint : number, Int<K>> {
  (value: number | bigint): Int<K>;
  readonly kind: K;
}
/** A network-order type. JavaScript sees the number as people write it: port 80 is 80. */
export interface NetType<K extends NetKind> extends DataType<K extends "be64" ? bigint : number, Net<K>> {
  (value: number | bigint): Net<K>;
  readonly kind: K;
}

type ScalarBits = 8 | 16 | 32 | 64;

export const u8 = intType("u8", 8);
export const u16 = intType("u16", 16);
export const u32 = intType("u32", 32);
export const u64 = intType("u64", 64);
export const be16 = netType("be16", 16);
export const be32 = netType("be32", 32);
export const be64 = netType("be64", 64);

function intType<K extends IntKind>(kind: K, bits: ScalarBits): IntType<K> {
  const make = (value: number | bigint) => {
    const { value: exact } = operandOf(value, bits) as { value: bigint };
    return new Int(kind, constant(exact));
  };
  return Object.assign(make, {
    ...scalarCodec(kind, bits, true),
    kind,
    access: (at: Place) => new Int(kind, loadAt(at, (bits / 8) as 1)),
    assign(at: Place, value: Int<K> | number | bigint) {
      const operand = value instanceof Int ? value.storable() : operandOf(value, bits);
      storeAt(at, (bits / 8) as 1, operand);
    },
    btf: (builder: BtfBuilder) => builder.addInt(kind, bits),
  }) as unknown as IntType<K>;
}

function netType<K extends NetKind>(kind: K, bits: 16 | 32 | 64): NetType<K> {
  const make = (value: number | bigint) => new Net(kind, netConstant(value, bits));
  return Object.assign(make, {
    ...scalarCodec(kind, bits, false),
    kind,
    access: (at: Place) => new Net(kind, loadAt(at, (bits / 8) as 2)),
    assign(at: Place, value: Net<K> | number | bigint) {
      storeAt(at, (bits / 8) as 2, value instanceof Net ? value.operand() : netConstant(value, bits));
    },
    btf: (builder: BtfBuilder) => builder.addTypedef(kind, builder.addInt(`u${bits}`, bits)),
  }) as unknown as NetType<K>;
}

function scalarCodec(typeName: string, bits: ScalarBits, littleEndian: boolean) {
  const size = bits / 8;
  const largest = 2 ** bits - 1;
  return {
    typeName,
    size,
    alignment: size,
    layout: { kind: "scalar", type: typeName, size } satisfies Layout,
    write(view: DataView, at: number, value: number | bigint, path: string) {
      // Numbers as they are: a bigint for each would be most of the time that large tables take.
      const isSmall = typeof value === "number" && bits <= 32;
      const isWhole = typeof value === "bigint" || Number.isInteger(value);
      if (!isWhole || value < 0 || (isSmall ? value > largest : BigInt(value) >= 1n << BigInt(bits))) {
        throw new RangeError(`${path}: ${value} is not an unsigned ${bits}-bit number`);
      }
      if (bits === 8) view.setUint8(at, Number(value));
      else if (bits === 16) view.setUint16(at, Number(value), littleEndian);
      else if (bits === 32) view.setUint32(at, Number(value), littleEndian);
      else view.setBigUint64(at, BigInt(value), littleEndian);
    },
    read(view: DataView, at: number): number | bigint {
      if (bits === 8) return view.getUint8(at);
      if (bits === 16) return view.getUint16(at, littleEndian);
      if (bits === 32) return view.getUint32(at, littleEndian);
      return view.getBigUint64(at, littleEndian);
    },
  };
}

/** A string of bytes in memory: a MAC address, an IPv6 address. Copied, never computed with. */
export interface BytesReference extends Located {
  readonly size: number;
}

/** `length` bytes without order or alignment. */
export function bytes(length: number): DataType<Uint8Array, BytesReference> {
  return {
    typeName: `bytes(${length})`,
    size: length,
    alignment: 1,
    layout: { kind: "scalar", type: "bytes", size: length },
    write(view, at, value, path) {
      if (value.length !== length) throw new RangeError(`${path}: ${value.length} bytes given, ${length} wanted`);
      new Uint8Array(view.buffer, view.byteOffset + at, length).set(value);
    },
    read: (view, at) => new Uint8Array(view.buffer, view.byteOffset + at, length).slice(),
    access: (at) => ({ [PLACE]: at, size: length }),
    assign(at, value) {
      if (PLACE in value) copyBytes(at, value[PLACE], length);
      else value.forEach((byte, index) => storeAt(within(at, index), 1, constant(byte)));
    },
    btf: (builder) => builder.addArray(builder.addInt("u8", 8), builder.addInt("u32", 32), length),
  };
}

/** Encodes and decodes whole values of `type`: the codec of maps whose value is a bare scalar. */
export function codecOf<Js>(type: DataType<Js, unknown>): Codec<Js> {
  return {
    size: type.size,
    encode(value) {
      const bytes = new Uint8Array(type.size);
      type.write(new DataView(bytes.buffer), 0, value, type.typeName);
      return bytes;
    },
    encodeInto: (value, view, at) => type.write(view, at, value, type.typeName),
    decode: (bytes) => type.read(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0),
    btf: (builder) => type.btf(builder),
    ...(type.layout === undefined ? {} : { layout: type.layout }),
  };
}
