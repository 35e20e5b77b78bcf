// From an instruction to the closure that does it. Everything that can be known before the run (operands,
// jump targets, map addresses, which helper) is looked up here, once.

import * as op from "../asm/index.ts";
import { atomicStep, loadStep, readBigEndian, type Step, storeStep } from "./access.ts";
import * as alu from "./alu.ts";
import type { Machine } from "./machine.ts";
import { functionPointer } from "./memory.ts";
import type { Packet } from "./packet.ts";
import { Fault } from "./vm-error.ts";

/** What steps need beyond the machine. */
export interface Linkage {
  readonly packet: Packet;
  /** Address of a map, or of a byte of an array map's only value. */
  resolve(reference: op.Reference): bigint;
  /** The helper's step, or a Fault where there is none of that number. */
  helper(id: number): Step;
}

/** The step of `instruction`, which stands at `slot`. */
export function translate(machine: Machine, linkage: Linkage, instruction: op.Instruction, slot: number): Step {
  const { registers, memory } = machine;
  op.assertDefinedOpcode(instruction);
  switch (op.classOf(instruction.opcode)) {
    case op.CLASS_ALU:
      return alu32Step(machine, instruction);
    case op.CLASS_ALU64:
      return alu64Step(machine, instruction);
    case op.CLASS_JMP:
    case op.CLASS_JMP32:
      return jumpStep(machine, linkage, instruction, slot + 1);
    case op.CLASS_LDX:
      return loadStep(registers, memory, instruction);
    case op.CLASS_LD:
      return instruction.opcode === op.OP_LOAD_IMM64
        ? loadImmediateStep(machine, linkage, instruction, slot)
        : loadPacketStep(machine, linkage.packet, instruction);
    default:
      return op.modeOf(instruction.opcode) === op.MODE_ATOMIC
        ? atomicStep(registers, memory, instruction)
        : storeStep(registers, memory, instruction);
  }
}

function unknown(instruction: op.Instruction): Fault {
  const { opcode, offset, imm } = instruction;
  const fields = `opcode 0x${opcode.toString(16)}, offset ${offset}, immediate ${imm}`;
  return new Fault("YM_VM_PROGRAM", `no such instruction: ${fields}`);
}

function alu32Step({ registers: r }: Machine, instruction: op.Instruction): Step {
  const { opcode, dst, src, offset, imm } = instruction;
  const operation = op.operationOf(opcode);
  const isRegister = (opcode & op.SOURCE_X) !== 0;
  if (operation === op.ALU_NEG) return () => r.set(dst, -r.low(dst), 0);
  if (operation === op.ALU_END) {
    return isRegister ? () => alu.swapBytes(r, dst, imm) : () => alu.truncate(r, dst, imm);
  }
  if (operation === op.ALU_MOV && offset !== 0) {
    return () => r.set(dst, alu.signExtend(r.low(src), offset), 0);
  }
  const compute = alu.operations32.get(operation | offset);
  if (compute === undefined) throw unknown(instruction);
  return isRegister
    ? () => r.set(dst, compute(r.low(dst), r.low(src)), 0)
    : () => r.set(dst, compute(r.low(dst), imm), 0);
}

function alu64Step({ registers: r }: Machine, instruction: op.Instruction): Step {
  const { opcode, dst, src, offset, imm } = instruction;
  const operation = op.operationOf(opcode);
  if (operation === op.ALU_NEG) return () => alu.negate64(r, dst);
  if (operation === op.ALU_END) return () => alu.swapBytes(r, dst, imm);
  if (operation === op.ALU_MOV && offset !== 0) {
    return () => {
      const value = alu.signExtend(r.low(src), offset);
      r.set(dst, value, value >> 31);
    };
  }
  const compute = alu.operations64.get(operation | offset);
  if (compute === undefined) throw unknown(instruction);
  const immHigh = imm >> 31;
  return (opcode & op.SOURCE_X) !== 0
    ? () => compute(r, dst, r.low(src), r.high(src))
    : () => compute(r, dst, imm, immHigh);
}

function jumpStep(machine: Machine, linkage: Linkage, instruction: op.Instruction, next: number): Step {
  const { opcode, dst, src, offset, imm } = instruction;
  const { registers: r } = machine;
  if (opcode === op.OP_EXIT) return () => machine.exit();
  if (opcode === op.OP_CALL) return callStep(machine, linkage, instruction, next);
  const target = next + (opcode === op.OP_JUMP_LONG ? imm : offset);
  if (opcode === op.OP_JUMP || opcode === op.OP_JUMP_LONG) return () => machine.jump(target);

  const holds = alu.comparisons.get(op.operationOf(opcode));
  if (holds === undefined) throw unknown(instruction);
  const isRegister = (opcode & op.SOURCE_X) !== 0;
  const immHigh = imm >> 31;
  if (op.classOf(opcode) === op.CLASS_JMP) {
    return isRegister
      ? () => {
          if (holds(r.low(dst), r.high(dst), r.low(src), r.high(src))) machine.jump(target);
        }
      : () => {
          if (holds(r.low(dst), r.high(dst), imm, immHigh)) machine.jump(target);
        };
  }
  return () => {
    const a = r.low(dst);
    const b = isRegister ? r.low(src) : imm;
    if (holds(a, a >> 31, b, b >> 31)) machine.jump(target);
  };
}

function callStep(machine: Machine, linkage: Linkage, { src, imm }: op.Instruction, next: number): Step {
  if (src === op.PSEUDO_CALL) return () => machine.callLocal(next + imm);
  if (src === 0) return linkage.helper(imm);
  const problem = `call kernel function ${imm}: the interpreter has no kernel functions`;
  throw new Fault("YM_VM_HELPER", problem);
}

function loadImmediateStep(machine: Machine, linkage: Linkage, instruction: op.Instruction, slot: number): Step {
  const { dst, src, imm, imm64, reference } = instruction;
  const { registers: r } = machine;
  let value: bigint;
  if (reference !== undefined) value = linkage.resolve(reference);
  else if (src === 0) value = imm64 ?? BigInt.asUintN(32, BigInt(imm));
  else if (src === op.PSEUDO_FUNC) value = functionPointer(slot + 1 + imm);
  else throw new Fault("YM_VM_PROGRAM", `load immediate: pseudo source ${src} has no meaning here`);
  const low = Number(BigInt.asIntN(32, value));
  const high = Number(BigInt.asIntN(32, value >> 32n));
  const after = slot + 2;
  return () => {
    r.set(dst, low, high);
    machine.jump(after);
  };
}

/** Legacy packet loads: network order to host order; beyond the packet the program ends with 0. */
function loadPacketStep(machine: Machine, packet: Packet, instruction: op.Instruction): Step {
  const { opcode, src, imm } = instruction;
  const { registers: r } = machine;
  const size = op.sizeOf(opcode);
  const isIndirect = op.modeOf(opcode) === op.MODE_IND;
  return () => {
    const offset = isIndirect ? (r.low(src) + imm) | 0 : imm;
    if (packet.slice(offset, size) === undefined) machine.abort();
    else r.set(0, readBigEndian(packet.view, packet.start + offset, size), 0);
    machine.poisonArguments();
  };
}
