// The address space of the interpreter. A pointer is a 64-bit number: a tag and the number of a region
// in the upper half, a byte offset in the lower. Arithmetic on it works as on any number, and an access
// outside its region is a fault instead of somebody else's memory.

import type { Registers } from "./registers.ts";
import { Fault } from "./vm-error.ts";

/** Memory behind the fields of a context (struct xdp_md, struct __sk_buff). */
export interface ContextFields {
  load(at: number, size: number, registers: Registers, dst: number): void;
  store(at: number, size: number, value: number): void;
}

/** One piece of memory. */
export interface Region {
  /** For messages: "stack", "packet", `value of map "flows"`. */
  readonly name: string;
  bytes: Buffer;
  view: DataView;
  /** First and last-plus-one byte that may be touched. */
  start: number;
  end: number;
  /** Items of `itemSize` bytes lie every `stride` bytes; an access stays in one. 0: one piece. */
  readonly stride: number;
  readonly itemSize: number;
  /** Whether programs may write. */
  readonly isWritable: boolean;
  readonly fields?: ContextFields;
  /** What the region stands for, if it is not memory but an object (a map). */
  readonly object?: object;
}

const TAG = 0x5a00_0000;
const TAG_MASK = 0xff00_0000 | 0;
const ID_MASK = 0x00ff_ffff;
/** Upper half of the address of a function of the program. */
const FUNCTION_TAG = 0x5b00_0000;
const TWO_32 = 0x1_0000_0000;
/** No region is so large that an offset like this could be inside it. */
const BEFORE_NEXT = 0xe000_0000;

export interface RegionOptions {
  readonly stride?: number;
  readonly itemSize?: number;
  readonly readOnly?: boolean;
  readonly fields?: ContextFields;
  readonly object?: object;
}

/** A region over `bytes`, all of them accessible. */
export function createRegion(name: string, bytes: Buffer, options: RegionOptions = {}): Region {
  const { stride = 0, itemSize = 0, readOnly = false, fields, object } = options;
  return {
    name,
    bytes,
    view: viewOf(bytes),
    start: 0,
    end: bytes.length,
    stride,
    itemSize,
    isWritable: !readOnly,
    ...(fields !== undefined && { fields }),
    ...(object !== undefined && { object }),
  };
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** All regions of one host; its programs share them, as they share the maps. */
export class Memory {
  readonly #regions: (Region | undefined)[] = [undefined];
  readonly #freeIds: number[] = [];
  readonly #afterRun: (() => void)[] = [];
  #running = 0;
  /** Offset inside the region that `readable` or `writable` gave last. */
  at = 0;

  /** Gives the upper half of pointers into `region`. */
  add(region: Region): number {
    const id = this.#freeIds.pop() ?? this.#regions.length;
    if (id > ID_MASK) throw new Fault("YM_VM_MEMORY", "out of regions: 16777215 are in use");
    this.#regions[id] = region;
    return TAG | id;
  }

  /** Forgets the region; pointers into it fault from now on. */
  remove(high: number): void {
    this.#regions[high & ID_MASK] = undefined;
    this.#freeIds.push(high & ID_MASK);
  }

  /** The region where `size` bytes may be read at pointer + offset; `at` is where. */
  readable(low: number, high: number, offset: number, size: number): Region {
    let at = (low >>> 0) + offset;
    let tag = high;
    if (at < 0) {
      at += TWO_32;
      tag = (tag - 1) | 0;
    } else if (at >= TWO_32) {
      at -= TWO_32;
      tag = (tag + 1) | 0;
    }
    const region = (tag & TAG_MASK) === TAG ? this.#regions[tag & ID_MASK] : undefined;
    if (region === undefined || at > BEFORE_NEXT) {
      // A little before the start of a region is far beyond the end of the one numbered below it.
      const next = this.#regions[(tag + 1) & ID_MASK];
      if (at > BEFORE_NEXT && next !== undefined) throw outside(next, at - TWO_32, size);
      throw wild(low, high, offset, size);
    }
    if (at < region.start || at + size > region.end) throw outside(region, at, size);
    if (region.stride !== 0 && (at % region.stride) + size > region.itemSize) {
      throw outside(region, at, size);
    }
    this.at = at;
    return region;
  }

  /** As `readable`, for a program that is about to write. */
  writable(low: number, high: number, offset: number, size: number): Region {
    const region = this.readable(low, high, offset, size);
    if (!region.isWritable) throw new Fault("YM_VM_MEMORY", `write to ${region.name}: read-only`);
    return region;
  }

  /** The `size` bytes at `pointer`, live. */
  bytesAt(pointer: bigint, size: number): Buffer {
    const region = this.readable(...halves(pointer), 0, size);
    return region.bytes.subarray(this.at, this.at + size);
  }

  /** The object that `pointer` stands for, if it does stand for one. */
  objectAt(pointer: bigint): object | undefined {
    const [low, high] = halves(pointer);
    if (low !== 0 || (high & TAG_MASK) !== TAG) return undefined;
    return this.#regions[high & ID_MASK]?.object;
  }

  /** Runs `body` as a program: memory that is freed meanwhile keeps its contents until the end. */
  whileRunning<T>(body: () => T): T {
    this.#running += 1;
    try {
      return body();
    } finally {
      this.#running -= 1;
      if (this.#running === 0) for (const action of this.#afterRun.splice(0)) action();
    }
  }

  /** Does `action` when no program runs, as the kernel does after an RCU grace period. */
  afterRun(action: () => void): void {
    if (this.#running === 0) action();
    else this.#afterRun.push(action);
  }
}

/** Pointer to byte `offset` of the region whose upper half `add` gave. */
export function toPointer(high: number, offset: number): bigint {
  return (BigInt(high) << 32n) | BigInt(offset);
}

/** Address of the function at `slot`, as helpers that call back take it. */
export function functionPointer(slot: number): bigint {
  return toPointer(FUNCTION_TAG, slot);
}

/** Slot of the function at `pointer`. */
export function functionSlot(pointer: bigint): number {
  const [low, high] = halves(pointer);
  if (high !== FUNCTION_TAG) {
    throw new Fault("YM_VM_MEMORY", `call back 0x${pointer.toString(16)}: not a function`);
  }
  return low;
}

function halves(pointer: bigint): [low: number, high: number] {
  return [Number(BigInt.asIntN(32, pointer)), Number(BigInt.asIntN(32, pointer >> 32n))];
}

function wild(low: number, high: number, offset: number, size: number): Fault {
  const pointer = (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
  const what = pointer === 0n ? "a null pointer" : `0x${pointer.toString(16)}, which is no pointer`;
  const at = offset < 0 ? `${offset}` : `+${offset}`;
  return new Fault("YM_VM_MEMORY", `access of ${size} bytes at ${what} (${at})`);
}

function outside(region: Region, at: number, size: number): Fault {
  const { name, stride, itemSize } = region;
  const [shown, first, end] = stride === 0 ? [at, region.start, region.end] : [at % stride, 0, itemSize];
  const problem = `access of ${size} bytes at offset ${shown - first} of ${name}`;
  return new Fault("YM_VM_MEMORY", `${problem}, which has ${end - first} bytes`);
}
