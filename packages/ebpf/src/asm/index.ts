// Entry point "@yardmaster/ebpf/asm": the instruction set. Instructions are made by the builders or by
// the compiler, and go from here to bytes (`encode`) or to text (`disassemble`).

export { AsmError, type AsmErrorCode, formatPosition } from "./asm-error.ts";
export { assemble, slotsOf } from "./assemble.ts";
export * from "./builders.ts";
export { decode } from "./decode.ts";
export { type DisassembleOptions, disassemble, disassembleOne } from "./disassemble.ts";
export { encode, type ResolveReference } from "./encode.ts";
export { helperId, helperName, lastHelperId } from "./helper-names.ts";
export type { Instruction, Reference, SourcePosition } from "./instruction.ts";
export * from "./opcode.ts";
export { assertDefinedOpcode, opcodes } from "./validate.ts";
