// Instructions as text, in the kernel's own notation (kernel/bpf/disasm.c) so that what we print, what
// the verifier logs and what `bpftool prog dump xlated` shows can be laid side by side. Differs in
// jump targets (`goto +3`) and in maps, which have their names here.

import { formatPosition } from "./asm-error.ts";
import { slotsOf } from "./assemble.ts";
import { helperName } from "./helper-names.ts";
import type { Instruction } from "./instruction.ts";
import * as op from "./opcode.ts";

export interface DisassembleOptions {
  /** Put `; balance.ts:6:18` before each instruction that comes from elsewhere than the last. */
  readonly withSource?: boolean;
}

/** One line for each instruction, numbered by slot, each ending in a newline. */
export function disassemble(instructions: readonly Instruction[], options: DisassembleOptions = {}): string {
  let text = "";
  let slot = 0;
  let last = "";
  for (const instruction of instructions) {
    if (options.withSource === true && instruction.source !== undefined) {
      const position = formatPosition(instruction.source);
      if (position !== last) text += `; ${position}\n`;
      last = position;
    }
    text += `${String(slot).padStart(4)}: ${disassembleOne(instruction)}\n`;
    slot += slotsOf(instruction);
  }
  return text;
}

/** One instruction without its number: `r0 = *(u32 *)(r2 +30)`. */
export function disassembleOne(instruction: Instruction): string {
  switch (op.classOf(instruction.opcode)) {
    case op.CLASS_ALU:
    case op.CLASS_ALU64:
      return aluText(instruction);
    case op.CLASS_JMP:
    case op.CLASS_JMP32:
      return jumpText(instruction);
    case op.CLASS_LDX: {
      const { opcode, dst, src, offset } = instruction;
      const letter = op.modeOf(opcode) === op.MODE_MEMSX ? "s" : "u";
      return `r${dst} = *(${typeText(opcode, letter)} *)${address(src, offset)}`;
    }
    case op.CLASS_ST: {
      const { opcode, dst, offset, imm } = instruction;
      return `*(${typeText(opcode)} *)${address(dst, offset)} = ${imm}`;
    }
    case op.CLASS_STX: {
      const { opcode, dst, src, offset } = instruction;
      if (op.modeOf(opcode) === op.MODE_ATOMIC) return atomicText(instruction);
      return `*(${typeText(opcode)} *)${address(dst, offset)} = r${src}`;
    }
    default:
      return loadText(instruction);
  }
}

const typeText = (opcode: number, letter = "u") => `${letter}${op.sizeOf(opcode) * 8}`;
const signed = (value: number) => (value < 0 ? `${value}` : `+${value}`);
const address = (register: number, offset: number) => `(r${register} ${signed(offset)})`;
const hex = (value: number) => (value < 0 ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`);

const aluSigns: ReadonlyMap<number, string> = new Map([
  [0x00, "+="],
  [0x10, "-="],
  [0x20, "*="],
  [0x30, "/="],
  [0x40, "|="],
  [0x50, "&="],
  [0x60, "<<="],
  [0x70, ">>="],
  [0x90, "%="],
  [0xa0, "^="],
  [0xb0, "="],
  [0xc0, "s>>="],
]);

function aluText(instruction: Instruction): string {
  const { opcode, dst, src, offset, imm } = instruction;
  const is64 = op.classOf(opcode) === op.CLASS_ALU64;
  const letter = is64 ? "r" : "w";
  const operation = op.operationOf(opcode);
  if (operation === op.ALU_NEG) return `${letter}${dst} = -${letter}${dst}`;
  if (operation === op.ALU_END) {
    const order = is64 ? "bswap" : (opcode & op.SOURCE_X) === 0 ? "le" : "be";
    return `r${dst} = ${order}${imm} r${dst}`;
  }
  const isRegister = (opcode & op.SOURCE_X) !== 0;
  const operand = isRegister ? `${letter}${src}` : `${imm}`;
  if (operation === op.ALU_MOV && offset !== 0) return `${letter}${dst} = (s${offset})${operand}`;
  const sign = aluSigns.get(operation) ?? "?=";
  const isSigned = offset === 1 && (sign === "/=" || sign === "%=");
  return `${letter}${dst} ${isSigned ? "s" : ""}${sign} ${operand}`;
}

const jumpSigns: ReadonlyMap<number, string> = new Map([
  [0x10, "=="],
  [0x20, ">"],
  [0x30, ">="],
  [0x40, "&"],
  [0x50, "!="],
  [0x60, "s>"],
  [0x70, "s>="],
  [0xa0, "<"],
  [0xb0, "<="],
  [0xc0, "s<"],
  [0xd0, "s<="],
]);

function jumpText(instruction: Instruction): string {
  const { opcode, dst, src, offset, imm } = instruction;
  if (opcode === op.OP_EXIT) return "exit";
  if (opcode === op.OP_CALL) return callText(instruction);
  if (opcode === op.OP_JUMP) return `goto ${signed(offset)}`;
  if (opcode === op.OP_JUMP_LONG) return `gotol ${signed(imm)}`;
  const letter = op.classOf(opcode) === op.CLASS_JMP ? "r" : "w";
  const operand = (opcode & op.SOURCE_X) !== 0 ? `${letter}${src}` : hex(imm);
  const sign = jumpSigns.get(op.operationOf(opcode)) ?? "?";
  return `if ${letter}${dst} ${sign} ${operand} goto ${signed(offset)}`;
}

function callText({ src, imm }: Instruction): string {
  if (src === op.PSEUDO_CALL) return `call ${signed(imm)}`;
  if (src === op.PSEUDO_KFUNC_CALL) return `call kernel-function#${imm}`;
  return `call ${helperName(imm) ?? "unknown"}#${imm}`;
}

const atomicSigns: ReadonlyMap<number, readonly [sign: string, name: string]> = new Map([
  [0x00, ["+=", "add"]],
  [0x40, ["|=", "or"]],
  [0x50, ["&=", "and"]],
  [0xa0, ["^=", "xor"]],
]);

function atomicText({ opcode, dst, src, offset, imm }: Instruction): string {
  const pointer = `(${typeText(opcode)} *)${address(dst, offset)}`;
  // The kernel says "atomic64" for eight bytes and "atomic" for four.
  const prefix = op.sizeOf(opcode) === 8 ? "atomic64" : "atomic";
  if (imm === op.ATOMIC_LOAD_ACQUIRE) {
    return `r${dst} = load_acquire((${typeText(opcode)} *)${address(src, offset)})`;
  }
  if (imm === op.ATOMIC_STORE_RELEASE) return `store_release(${pointer}, r${src})`;
  const operation = imm & ~op.ATOMIC_FETCH;
  if (operation === op.atomicOperations.xchg) return `r${src} = ${prefix}_xchg(${pointer}, r${src})`;
  if (operation === op.atomicOperations.cmpxchg) {
    return `r0 = ${prefix}_cmpxchg(${pointer}, r0, r${src})`;
  }
  const [sign, name] = atomicSigns.get(operation) ?? ["?=", "?"];
  if ((imm & op.ATOMIC_FETCH) === 0) return `lock *${pointer} ${sign} r${src}`;
  return `r${src} = ${prefix}_fetch_${name}(${pointer}, r${src})`;
}

function loadText(instruction: Instruction): string {
  const { opcode, dst, src, imm, imm64, reference } = instruction;
  const mode = op.modeOf(opcode);
  if (mode === op.MODE_ABS) return `r0 = *(${typeText(opcode)} *)skb[${imm}]`;
  if (mode === op.MODE_IND) return `r0 = *(${typeText(opcode)} *)skb[r${src} ${signed(imm)}]`;
  if (reference?.kind === "map") return `r${dst} = map[${reference.map}]`;
  if (reference !== undefined) return `r${dst} = map[${reference.map}][0]+${reference.offset}`;
  const value = imm64 ?? BigInt.asUintN(32, BigInt(imm));
  switch (src) {
    case op.PSEUDO_MAP_FD:
      return `r${dst} = map[fd:${imm}]`;
    case op.PSEUDO_MAP_VALUE:
      return `r${dst} = map[fd:${imm}][0]+${value >> 32n}`;
    case op.PSEUDO_FUNC:
      return `r${dst} = function ${signed(imm)}`;
    default:
      return `r${dst} = 0x${value.toString(16)}`;
  }
}
