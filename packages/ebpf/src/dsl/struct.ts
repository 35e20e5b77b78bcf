// Structures and arrays in memory, laid out as C lays them out: natural alignment, padding where it
// must be, the whole a multiple of the largest alignment.

import type { BtfBuilder, BtfTypeId } from "../btf/index.ts";
import { layoutOfFields, type Layout } from "../layout.ts";
import type { Codec } from "../spec.ts";
import { BuildError } from "./build-error.ts";
import { assertOwner, builder } from "./builder.ts";
import { callerPosition } from "./position.ts";
import { constant } from "../ir/operation.ts";
import {
  addressOf,
  copyBytes,
  type Epoch,
  loadAt,
  type Located,
  type Place,
  PLACE,
  placeOfAddress,
  storeAt,
  within,
} from "./reference.ts";
import { type AnyType, codecOf, type DataType, type JsOf, type StagedOf } from "./types.ts";
import { Bool } from "./scalar.ts";
import { Maybe } from "./maybe.ts";
import { type Int, inRegister } from "./scalar.ts";

/** The fields of a structure, by name, in the order that they have in memory. */
export type Fields = { readonly [name: string]: AnyType };
/** The JavaScript object for a structure of these fields. */
export type JsObject<F> = { -readonly [N in keyof F]: JsOf<F[N]> };
/** A structure in memory as a program sees it: reading a field loads, assigning stores. */
export type Reference<F> = { -readonly [N in keyof F]: StagedOf<F[N]> } & Located;
/** What may be put into a field while building: staged, or known already. */
export type Initial<F> = { readonly [N in keyof F]: StagedOf<F[N]> | JsOf<F[N]> };

/** A structure type. Also the codec of maps that hold it. */
export interface Struct<F extends Fields = Fields> extends DataType<JsObject<F>, Reference<F>>, Codec<JsObject<F>> {
  readonly fields: F;
  /** Byte offset of each field. */
  readonly offsets: { readonly [N in keyof F]: number };
  /** Whether `value` is a structure in memory with this very layout; others may have the same fields elsewhere. */
  isReference(value: object): value is Reference<F>;
  btf(builder: BtfBuilder): BtfTypeId;
}

/** A structure whatever its fields. */
// oxlint-disable-next-line typescript/no-explicit-any
export type AnyStruct = Struct<any>;

export interface StructOptions {
  /** No padding at all, as headers on the wire have none. */
  readonly packed?: true;
}

/** Declares a structure. Fields follow one another as written. */
export function struct<F extends Fields>(name: string, fields: F, options: StructOptions = {}): Struct<F> {
  const offsets: Record<string, number> = {};
  let end = 0;
  let alignment = 1;
  for (const [field, type] of Object.entries(fields)) {
    const aligned = options.packed === true ? 1 : type.alignment;
    end = roundUp(end, aligned);
    offsets[field] = end;
    end += type.size;
    alignment = Math.max(alignment, aligned);
  }
  const size = roundUp(end, alignment);
  const placed = Object.entries(fields).map(([field, fieldType]) => ({
    ...{ field, fieldType, offset: offsets[field] as number },
    text: `${name}.${field}`,
  }));
  const layout = layoutOfFields(fields, offsets, size);
  const prototype = accessors(fields, offsets);
  const isReference = (value: object): value is Reference<F> => Object.getPrototypeOf(value) === prototype;
  const type: DataType<JsObject<F>, Reference<F>> = {
    typeName: name,
    size,
    alignment,
    ...(layout === undefined ? {} : { layout }),
    write(view, at, value, path) {
      const isOutermost = path === name;
      for (const { field, fieldType, offset, text } of placed) {
        fieldType.write(view, at + offset, value[field], isOutermost ? text : `${path}.${field}`);
      }
    },
    read(view, at) {
      const value: Record<string, unknown> = {};
      for (const [field, fieldType] of Object.entries(fields))
        value[field] = fieldType.read(view, at + (offsets[field] as number));
      return value as JsObject<F>;
    },
    access: (at) => Object.create(prototype, { [PLACE]: { value: at } }) as Reference<F>,
    assign(at, value) {
      if (isReference(value)) copyBytes(at, value[PLACE], size);
      else initialise(at, fields, offsets, size, value as Initial<F>);
    },
    btf: (btf) =>
      btf.addStruct(
        name,
        size,
        Object.entries(fields).map(([field, fieldType]) => ({
          name: field,
          typeId: fieldType.btf(btf),
          byteOffset: offsets[field] as number,
        })),
      ),
  };
  return Object.freeze({ ...type, ...codecOf(type), fields, offsets, isReference }) as unknown as Struct<F>;
}

/** Stores every field, and zeroes padding: keys with undefined padding would never be found again. */
function initialise<F extends Fields>(
  at: Place,
  fields: F,
  offsets: Record<string, number>,
  size: number,
  values: Initial<F>,
): void {
  let end = 0;
  for (const [field, type] of Object.entries(fields)) {
    const offset = offsets[field] as number;
    zero(at, end, offset);
    type.assign(within(at, offset), values[field]);
    end = offset + type.size;
  }
  zero(at, end, size);
}

/** Zeroes bytes with the widest aligned stores. */
function zero(at: Place, from: number, to: number): void {
  for (let offset = from; offset < to; ) {
    const size = ([8, 4, 2, 1] as const).find((width) => offset % width === 0 && width <= to - offset) ?? 1;
    storeAt(within(at, offset), size, constant(0));
    offset += size;
  }
}

function accessors(fields: Fields, offsets: Record<string, number>): object {
  const prototype = Object.create(null);
  for (const [field, type] of Object.entries(fields)) {
    const offset = offsets[field] as number;
    Object.defineProperty(prototype, field, {
      enumerable: true,
      get(this: Located) {
        return type.access(within(this[PLACE], offset));
      },
      set(this: Located, value: unknown) {
        type.assign(within(this[PLACE], offset), value);
      },
    });
  }
  return prototype;
}

function roundUp(value: number, to: number): number {
  return Math.ceil(value / to) * to;
}

/** The same bytes read as another type that is no longer. */
export function viewAs<Js, S extends Located>(located: Located, from: AnyType, to: DataType<Js, S>): S {
  if (to.size > from.size) {
    throw new BuildError(
      "YM_BUILD_RANGE",
      `${to.typeName} has ${to.size} bytes, ${from.typeName} only ${from.size}`,
      callerPosition(),
    );
  }
  return to.access(located[PLACE]);
}

/** An address kept in a structure of the frame; the verifier knows what it points to. */
export function pointer<Js, S extends Located>(type: DataType<Js, S>): DataType<never, S> {
  return {
    typeName: `${type.typeName}*`,
    size: 8,
    alignment: 8,
    write() {
      throw new TypeError(`${type.typeName}*: pointers exist in programs only`);
    },
    read() {
      throw new TypeError(`${type.typeName}*: pointers exist in programs only`);
    },
    access: (at) => type.access(placeOfAddress(loadAt(at, 8), type.typeName, type.alignment)),
    assign(at, value: S) {
      const address = addressOf(value[PLACE]);
      const register = address.kind === "register" ? address : builder().register();
      if (address.kind === "stack") builder().emit({ kind: "move", target: register, from: address, width: 64 });
      storeAt(at, 8, register);
    },
    btf: (btf) => btf.addPointer(type.btf(btf)),
  };
}

/** A reference that is assigned in branches and read where they meet. */
export interface ReferenceVariable<F extends Fields> {
  get(): Reference<F>;
  set(reference: Reference<F>): void;
  /** Makes it null again. */
  clear(): void;
  /** Whether nothing is in it: of references that a lookup gave. */
  isNull(): Bool;
}

/**
 * A variable for references to structures of `type`. It starts as null: the verifier refuses a path that
 * reads through it and never set it.
 */
export function referenceVariable<F extends Fields>(type: Struct<F>): ReferenceVariable<F> {
  const owner = builder();
  const what = `reference variable of ${type.typeName}`;
  const madeAt = callerPosition();
  const home = owner.register();
  // Of the first packet reference in it: what has been set later may not be there on every path.
  let epoch: Epoch | undefined;
  let isUntraced: true | undefined;
  owner.emit({ kind: "move", target: home, from: constant(0), width: 64 });
  return {
    get() {
      assertOwner(owner, what, madeAt);
      const base = owner.register();
      owner.emit({ kind: "move", target: base, from: home, width: 64 });
      const at = placeOfAddress(base, type.typeName, type.alignment, epoch);
      return type.access(isUntraced === undefined ? at : { ...at, isUntraced });
    },
    set(reference) {
      assertOwner(owner, what, madeAt);
      epoch ??= reference[PLACE].epoch;
      isUntraced ??= reference[PLACE].isUntraced;
      owner.emit({ kind: "move", target: home, from: addressOf(reference[PLACE]), width: 64 });
    },
    clear() {
      assertOwner(owner, what, madeAt);
      owner.emit({ kind: "move", target: home, from: constant(0), width: 64 });
    },
    isNull() {
      assertOwner(owner, what, madeAt);
      const now = owner.register();
      owner.emit({ kind: "move", target: now, from: home, width: 64 });
      return new Bool({ kind: "compare", comparison: { operator: "jeq", width: 64, left: now, right: constant(0) } });
    },
  };
}

/** Elements in memory, one after another. */
export interface ArrayReference<S> extends Located {
  readonly length: number;
  /** The element at an index known while building. */
  at(index: number): S;
  /** The element at a staged index; absent where the index is too large. */
  lookup(index: Int): Maybe<S>;
  /** The element at a staged index modulo the length, which must be a power of two. */
  masked(index: Int): S;
  /** Stores into the element at an index known while building. */
  set(index: number, value: S | number | bigint): void;
}

/** `length` elements of `element`. */
export function list<Js, S>(element: DataType<Js, S>, length: number): DataType<Js[], ArrayReference<S>> {
  const stride = roundUp(element.size, element.alignment);
  const fixed = (at: Place, index: number): Place => {
    if (!Number.isInteger(index) || index < 0 || index >= length) {
      throw new BuildError("YM_BUILD_RANGE", `index ${index} is outside an array of ${length}`, callerPosition());
    }
    return within(at, index * stride);
  };
  const reference = (at: Place): ArrayReference<S> => ({
    [PLACE]: at,
    length,
    at: (index) => element.access(fixed(at, index)),
    set: (index, value) => element.assign(fixed(at, index), value as S),
    lookup: (index) => new Maybe(index.lt(length), () => element.access(elementPlace(at, index, element))),
    masked(index) {
      if ((length & (length - 1)) !== 0) {
        throw new BuildError(
          "YM_BUILD_RANGE",
          `an array of ${length} has no mask: ${length} is no power of two`,
          callerPosition(),
        );
      }
      return element.access(elementPlace(at, (index as Int<"u64">).and(length - 1), element));
    },
  });
  const layout: Layout | undefined = element.layout && { kind: "list", length, stride, element: element.layout };
  return {
    typeName: `${element.typeName}[${length}]`,
    size: stride * length,
    alignment: element.alignment,
    ...(layout === undefined ? {} : { layout }),
    write(view, at, values, path) {
      if (values.length > length) throw new RangeError(`${path}: ${values.length} elements given, ${length} fit`);
      try {
        for (let index = 0; index < values.length; index++) {
          element.write(view, at + index * stride, values[index] as (typeof values)[number], path);
        }
      } catch {
        // The text of each place is made only where one is wrong.
        values.forEach((value, index) => element.write(view, at + index * stride, value, `${path}[${index}]`));
      }
    },
    read: (view, at) => Array.from({ length }, (_, index) => element.read(view, at + index * stride)),
    access: reference,
    assign(at, value) {
      if (PLACE in value) copyBytes(at, value[PLACE], stride * length);
      else if (value.length === length) value.forEach((each, index) => element.assign(fixed(at, index), each));
      else {
        const message = `${value.length} elements are assigned to an array of ${length}`;
        throw new BuildError("YM_BUILD_RANGE", message, callerPosition());
      }
    },
    btf: (btf) => btf.addArray(element.btf(btf), btf.addInt("u32", 32), length),
  };
}

function elementPlace(at: Place, index: Int, { size, alignment }: AnyType): Place {
  const stride = roundUp(size, alignment);
  const build = builder();
  const scaled = stride === 1 ? inRegister(index.operand()) : build.register();
  if (stride !== 1) {
    const isPower = (stride & (stride - 1)) === 0;
    build.emit({
      kind: "alu",
      operator: isPower ? "lsh" : "mul",
      width: 64,
      target: scaled,
      left: inRegister(index.operand()),
      right: { kind: "constant", value: BigInt(isPower ? Math.log2(stride) : stride) },
    });
  }
  const base = build.register();
  if (at.base.kind === "stack")
    throw new BuildError("YM_BUILD_RANGE", "arrays in the frame take constant indexes only", callerPosition());
  build.emit({ kind: "alu", operator: "add", width: 64, target: base, left: at.base, right: scaled });
  return at.alignment === undefined ? { ...at, base } : { ...at, base, alignment };
}
