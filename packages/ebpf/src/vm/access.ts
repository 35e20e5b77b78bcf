// Loads, stores and atomics: instructions that touch memory, as closures over the machine's registers
// and the host's memory.

import * as op from "../asm/index.ts";
import type { Memory, Region } from "./memory.ts";
import { type Registers, toUint64 } from "./registers.ts";
import { Fault } from "./vm-error.ts";

/** One instruction, ready to run. */
export type Step = () => void;

/** `dst = *(size *)(src + offset)`, zero- or sign-extended. */
export function loadStep(r: Registers, memory: Memory, instruction: op.Instruction): Step {
  const { opcode, dst, src, offset } = instruction;
  const size = op.sizeOf(opcode);
  const isSigned = op.modeOf(opcode) === op.MODE_MEMSX;
  const read = isSigned ? signedReaders[size] : readers[size];
  return () => {
    const region = memory.readable(r.low(src), r.high(src), offset, size);
    if (region.fields !== undefined) region.fields.load(memory.at, size, r, dst);
    else read(region, memory.at, r, dst);
  };
}

/** `*(size *)(dst + offset) = src or imm`. */
export function storeStep(r: Registers, memory: Memory, instruction: op.Instruction): Step {
  const { opcode, dst, src, offset, imm } = instruction;
  const size = op.sizeOf(opcode);
  const write = writers[size];
  const isImmediate = op.classOf(opcode) === op.CLASS_ST;
  const immHigh = imm >> 31;
  return () => {
    const region = memory.writable(r.low(dst), r.high(dst), offset, size);
    const low = isImmediate ? imm : r.low(src);
    if (region.fields !== undefined) region.fields.store(memory.at, size, low);
    else write(region, memory.at, low, isImmediate ? immHigh : r.high(src));
  };
}

type Reader = (region: Region, at: number, r: Registers, dst: number) => void;
type Writer = (region: Region, at: number, low: number, high: number) => void;

const readers: Readonly<Record<op.MemorySize, Reader>> = {
  1: ({ view }, at, r, dst) => r.set(dst, view.getUint8(at), 0),
  2: ({ view }, at, r, dst) => r.set(dst, view.getUint16(at, true), 0),
  4: ({ view }, at, r, dst) => r.set(dst, view.getInt32(at, true), 0),
  8: ({ view }, at, r, dst) => r.set(dst, view.getInt32(at, true), view.getInt32(at + 4, true)),
};

const setSigned = (r: Registers, dst: number, value: number) => r.set(dst, value, value >> 31);
const signedReaders: Readonly<Record<op.MemorySize, Reader>> = {
  1: ({ view }, at, r, dst) => setSigned(r, dst, view.getInt8(at)),
  2: ({ view }, at, r, dst) => setSigned(r, dst, view.getInt16(at, true)),
  4: ({ view }, at, r, dst) => setSigned(r, dst, view.getInt32(at, true)),
  8: () => {
    throw new Fault("YM_VM_PROGRAM", "a signed load of 8 bytes does not exist");
  },
};

const writers: Readonly<Record<op.MemorySize, Writer>> = {
  1: ({ view }, at, low) => view.setInt8(at, low),
  2: ({ view }, at, low) => view.setInt16(at, low, true),
  4: ({ view }, at, low) => view.setInt32(at, low, true),
  8: ({ view }, at, low, high) => {
    view.setInt32(at, low, true);
    view.setInt32(at + 4, high, true);
  },
};

/** New value of a read-modify-write operation, before it is cut to its size. */
const combinations: ReadonlyMap<number, (old: bigint, operand: bigint) => bigint> = new Map([
  [op.atomicOperations.add, (old, operand) => old + operand],
  [op.atomicOperations.or, (old, operand) => old | operand],
  [op.atomicOperations.and, (old, operand) => old & operand],
  [op.atomicOperations.xor, (old, operand) => old ^ operand],
  [op.atomicOperations.xchg, (_old, operand) => operand],
]);

/** Atomic operations; one program runs at a time here, so they are plain reads and writes. */
export function atomicStep(r: Registers, memory: Memory, instruction: op.Instruction): Step {
  const { opcode, dst, src, offset, imm } = instruction;
  const size = op.sizeOf(opcode);
  if (imm === op.ATOMIC_LOAD_ACQUIRE) {
    return loadStep(r, memory, { ...instruction, opcode: op.CLASS_LDX | op.MODE_MEM | (opcode & 0x18) });
  }
  if (imm === op.ATOMIC_STORE_RELEASE) return storeStep(r, memory, instruction);
  if (size < 4) throw new Fault("YM_VM_PROGRAM", `an atomic of ${size} bytes does not exist`);
  const bits = size * 8;
  const write = writers[size];
  const operation = imm & ~op.ATOMIC_FETCH;
  const isCompare = operation === op.atomicOperations.cmpxchg;
  const combine = combinations.get(operation);
  if (combine === undefined && !isCompare) {
    throw new Fault("YM_VM_PROGRAM", `atomic operation 0x${imm.toString(16)} does not exist`);
  }
  const isFetch = (imm & op.ATOMIC_FETCH) !== 0;

  return () => {
    const region = memory.writable(r.low(dst), r.high(dst), offset, size);
    const { at } = memory;
    if (region.fields !== undefined) throw new Fault("YM_VM_MEMORY", "an atomic on the context");
    const { view } = region;
    const oldLow = view.getInt32(at, true);
    const oldHigh = size === 8 ? view.getInt32(at + 4, true) : 0;
    const old = toUint64(oldLow, oldHigh);
    if (combine !== undefined) {
      const value = combine(old, r.get64(src));
      write(region, at, Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)));
      if (isFetch) r.set(src, oldLow, oldHigh);
      return;
    }
    if (BigInt.asUintN(bits, r.get64(0)) === old) write(region, at, r.low(src), r.high(src));
    r.set(0, oldLow, oldHigh);
  };
}

/** Reads `size` bytes in network order, as the legacy packet loads do. */
export function readBigEndian(view: DataView, at: number, size: number): number {
  if (size === 1) return view.getUint8(at);
  return size === 2 ? view.getUint16(at) : view.getInt32(at);
}
