// Builds a BTF blob: the type information that a program carries so that the verifier and bpftool can
// name its functions, types and source lines. Layout: Documentation/bpf/btf.rst, include/uapi/linux/btf.h.

import { StringTable } from "./string-table.ts";

/** Number of a type inside one blob. 0 is void. */
export type BtfTypeId = number;

export interface BtfMember {
  readonly name: string;
  readonly typeId: BtfTypeId;
  readonly byteOffset: number;
}

export interface BtfParameter {
  readonly name: string;
  readonly typeId: BtfTypeId;
}

/** Linkage of a function (enum btf_func_linkage). The verifier checks global ones on their own. */
export type BtfLinkage = "static" | "global";

const MAGIC = 0xeb9f;
const HEADER_LENGTH = 24;
const KIND_INT = 1;
const KIND_POINTER = 2;
const KIND_ARRAY = 3;
const KIND_STRUCT = 4;
const KIND_TYPEDEF = 8;
const KIND_FUNCTION = 12;
const KIND_FUNCTION_PROTOTYPE = 13;
const INT_SIGNED = 1;
/** vlen is 16 bits of a type's info word. */
const MAX_MEMBERS = 0xffff;

/**
 * Collects types and strings; every `add…` gives the number of the type, and the same number again for
 * the same type. Types may only refer to types added before, so a blob has no cycles.
 */
export class BtfBuilder {
  readonly #strings = new StringTable();
  readonly #types: (readonly number[])[] = [];
  readonly #known = new Map<string, BtfTypeId>();

  /** Byte offset of `text` in the string section; line_info refers to files and lines by it. */
  addString(text: string): number {
    return this.#strings.add(text);
  }

  /** An integer of `bits` (8, 16, 32, 64), unsigned unless told. */
  addInt(name: string, bits: 8 | 16 | 32 | 64, options: { readonly signed?: boolean } = {}): BtfTypeId {
    const encoding = options.signed === true ? INT_SIGNED : 0;
    return this.#add(name, KIND_INT, 0, bits / 8, [(encoding << 24) | bits]);
  }

  addPointer(typeId: BtfTypeId): BtfTypeId {
    this.#assertKnown(typeId, "pointer");
    return this.#add("", KIND_POINTER, 0, typeId, []);
  }

  /** `length` elements; `indexTypeId` is an integer type, which one does not matter. */
  addArray(elementId: BtfTypeId, indexTypeId: BtfTypeId, length: number): BtfTypeId {
    this.#assertKnown(elementId, "array");
    this.#assertKnown(indexTypeId, "array");
    return this.#add("", KIND_ARRAY, 0, 0, [elementId, indexTypeId, length]);
  }

  /** A struct of `size` bytes. `name` is an identifier of C, or empty. */
  addStruct(name: string, size: number, members: readonly BtfMember[]): BtfTypeId {
    const words = members.flatMap((member) => {
      this.#assertKnown(member.typeId, `struct ${name}`);
      return [this.addString(member.name), member.typeId, member.byteOffset * 8];
    });
    return this.#add(name, KIND_STRUCT, members.length, size, words);
  }

  addTypedef(name: string, typeId: BtfTypeId): BtfTypeId {
    this.#assertKnown(typeId, `typedef ${name}`);
    return this.#add(name, KIND_TYPEDEF, 0, typeId, []);
  }

  addFunctionPrototype(returnTypeId: BtfTypeId, parameters: readonly BtfParameter[]): BtfTypeId {
    this.#assertKnown(returnTypeId, "function prototype");
    const words = parameters.flatMap((parameter) => {
      this.#assertKnown(parameter.typeId, "function prototype");
      return [this.addString(parameter.name), parameter.typeId];
    });
    return this.#add("", KIND_FUNCTION_PROTOTYPE, parameters.length, returnTypeId, words);
  }

  /** A function of the program; func_info refers to it. */
  addFunction(name: string, prototypeId: BtfTypeId, linkage: BtfLinkage): BtfTypeId {
    this.#assertKnown(prototypeId, `function ${name}`);
    return this.#add(name, KIND_FUNCTION, linkage === "global" ? 1 : 0, prototypeId, []);
  }

  /** Bytes into the blob of the 16 bits of a type that are a count, or the linkage of a function (struct btf_type). */
  countOffset(typeId: BtfTypeId): number {
    const words = this.#types.slice(0, typeId - 1).reduce((sum, type) => sum + type.length, 0);
    return HEADER_LENGTH + (words + 1) * 4;
  }

  /** The blob, little-endian, as BPF_BTF_LOAD takes it. More may be added and built afterwards. */
  build(): Uint8Array {
    const strings = this.#strings.bytes();
    const words = this.#types.flat();
    const typeLength = words.length * 4;
    const blob = new Uint8Array(HEADER_LENGTH + typeLength + strings.length);
    const view = new DataView(blob.buffer);
    view.setUint16(0, MAGIC, true);
    view.setUint8(2, 1);
    const header = [HEADER_LENGTH, 0, typeLength, typeLength, strings.length];
    [...header, ...words].forEach((word, index) => {
      view.setUint32(4 + index * 4, word, true);
    });
    blob.set(strings, HEADER_LENGTH + typeLength);
    return blob;
  }

  #add(name: string, kind: number, count: number, sizeOrType: number, rest: readonly number[]): BtfTypeId {
    if (count > MAX_MEMBERS) {
      throw new RangeError(`btf: "${name}" has ${count} members, ${MAX_MEMBERS} is the most`);
    }
    const words = [this.addString(name), (kind << 24) | count, sizeOrType, ...rest];
    const fingerprint = words.join();
    const known = this.#known.get(fingerprint);
    if (known !== undefined) return known;
    const id = this.#types.push(words);
    this.#known.set(fingerprint, id);
    return id;
  }

  #assertKnown(typeId: BtfTypeId, user: string): void {
    if (Number.isInteger(typeId) && typeId >= 0 && typeId <= this.#types.length) return;
    throw new RangeError(`btf: ${user} refers to type ${typeId}, which has not been added`);
  }
}
