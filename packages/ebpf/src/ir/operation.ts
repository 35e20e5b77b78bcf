// The intermediate form between the DSL and instructions: operations on an unlimited number of
// virtual registers, in basic blocks. Small on purpose; nothing here knows the DSL's types.

import type { AluOperation, AtomicOperation, JumpOperation, MemorySize, SourcePosition, Width } from "../asm/index.ts";
import type { BtfBuilder, BtfTypeId } from "../btf/index.ts";
import type { MapSpec } from "../spec.ts";

/** A register before registers are scarce. Values are written once, variables several times. */
export interface VirtualRegister {
  readonly kind: "register";
  readonly id: number;
}

/** Bytes in the frame of a function. The lowering gives each slot its place below r10. */
export interface StackSlot {
  readonly kind: "stack";
  readonly id: number;
  /**
   * Bytes; the lowering rounds up to 4 or a multiple of 8. Grows while the function is being built, if it is shared.
   */
  size: number;
}

/** The address of a map, as helpers want it. Made again at each use, so that it holds no register. */
export interface MapAddress {
  readonly kind: "map";
  readonly map: MapSpec;
}

/** A 64-bit constant; 32-bit operations use its low half. */
export interface Constant {
  readonly kind: "constant";
  /** Signed 64-bit. */
  readonly value: bigint;
}

/** The address of a function of the program, for helpers that call back. */
export interface FunctionAddress {
  readonly kind: "function";
  readonly name: string;
}

export type Operand = VirtualRegister | StackSlot | MapAddress | FunctionAddress | Constant;
interface Positioned {
  readonly source?: SourcePosition | undefined;
}

/** What happens inside a block; control flow is in `Terminator`. */
export type Operation = Positioned &
  (
    | { readonly kind: "move"; target: VirtualRegister; from: Operand; readonly width: Width }
    | {
        readonly kind: "alu";
        readonly operator: AluOperation;
        readonly width: Width;
        target: VirtualRegister;
        left: VirtualRegister;
        right: VirtualRegister | Constant;
      }
    | {
        /** To or from big-endian, cut to `bits`. */
        readonly kind: "swap";
        readonly bits: 16 | 32 | 64;
        target: VirtualRegister;
        from: VirtualRegister;
      }
    | {
        readonly kind: "load";
        target: VirtualRegister;
        base: VirtualRegister | StackSlot;
        readonly offset: number;
        readonly size: MemorySize;
      }
    | {
        readonly kind: "store";
        base: VirtualRegister | StackSlot;
        readonly offset: number;
        readonly size: MemorySize;
        value: VirtualRegister | Constant;
      }
    | {
        readonly kind: "atomic";
        readonly operator: AtomicOperation;
        readonly size: 4 | 8;
        base: VirtualRegister | StackSlot;
        readonly offset: number;
        value: VirtualRegister;
        /** The old value, for the forms that fetch. */
        target?: VirtualRegister | undefined;
        /** Only of cmpxchg. */
        expected?: VirtualRegister | undefined;
      }
    | { readonly kind: "call"; readonly helper: number; arguments: Operand[]; target: VirtualRegister }
    | { readonly kind: "callLocal"; readonly callee: string; arguments: Operand[]; target: VirtualRegister }
    | { readonly kind: "mapValue"; target: VirtualRegister; readonly map: MapSpec; readonly offset: number }
  );

/** A comparison that a branch decides on. */
export interface Comparison {
  readonly operator: JumpOperation;
  readonly width: Width;
  left: VirtualRegister;
  right: VirtualRegister | Constant;
}

/** How a block ends. */
export type Terminator = Positioned &
  (
    | { readonly kind: "jump"; target: Block }
    | { readonly kind: "branch"; readonly condition: Comparison; whenTrue: Block; whenFalse: Block }
    | { readonly kind: "exit"; value: VirtualRegister | Constant }
  );

/** Straight-line code with one way in at the top. */
export interface Block {
  readonly id: number;
  /** Blocks that few packets reach go to the end and weigh little in register allocation. */
  readonly isCold: boolean;
  readonly operations: Operation[];
  terminator: Terminator | undefined;
}

/** Adds a type to a BTF blob and gives its number. */
export type TypeDescription = (btf: BtfBuilder) => BtfTypeId;

/** The types of a global function: all that the verifier knows where it looks at the function on its own. */
export interface GlobalSignature {
  readonly parameters: readonly { readonly name: string; readonly type: TypeDescription }[];
  readonly takesContext: boolean;
  readonly returns: TypeDescription;
}

/** A function: the program's entry, or one that it calls (bpf-to-bpf). */
export interface IrFunction {
  readonly name: string;
  readonly parameters: readonly VirtualRegister[];
  readonly blocks: Block[];
  /** How many registers exist; ids are 0 … registers − 1. */
  registers: number;
  slots: StackSlot[];
  readonly source?: SourcePosition | undefined;
  /** Only of global functions. */
  readonly signature?: GlobalSignature | undefined;
}

/** A constant operand. */
export function constant(value: bigint | number): Constant {
  return { kind: "constant", value: BigInt.asIntN(64, BigInt(value)) };
}

/** Whether `value` fits the signed 32-bit immediate of one instruction. */
export function fitsImmediate(value: bigint): boolean {
  return value >= -0x8000_0000n && value <= 0x7fff_ffffn;
}

/** The blocks that control may go to next. */
export function successors(block: Block): readonly Block[] {
  const end = block.terminator;
  if (end === undefined || end.kind === "exit") return [];
  return end.kind === "jump" ? [end.target] : [end.whenTrue, end.whenFalse];
}

/** Registers that `operation` reads. */
export function uses(operation: Operation): VirtualRegister[] {
  switch (operation.kind) {
    case "move":
      return operation.from.kind === "register" ? [operation.from] : [];
    case "alu":
      return registersOf(operation.left, operation.right);
    case "swap":
      return [operation.from];
    case "load":
      return registersOf(operation.base);
    case "store":
      return registersOf(operation.base, operation.value);
    case "atomic":
      return registersOf(operation.base, operation.value, operation.expected);
    case "call":
    case "callLocal":
      return registersOf(...operation.arguments);
    case "mapValue":
      return [];
  }
}

/** The register that `operation` writes, if any. */
export function definition(operation: Operation): VirtualRegister | undefined {
  return operation.kind === "store" ? undefined : operation.target;
}

/** Registers that the end of a block reads. */
export function terminatorUses(end: Terminator | undefined): VirtualRegister[] {
  if (end === undefined || end.kind === "jump") return [];
  if (end.kind === "exit") return registersOf(end.value);
  return registersOf(end.condition.left, end.condition.right);
}

/** Whether `operation` matters even when nobody reads what it writes. */
export function hasEffect(operation: Operation): boolean {
  return (
    operation.kind === "store" ||
    operation.kind === "atomic" ||
    operation.kind === "call" ||
    operation.kind === "callLocal"
  );
}

/** Replaces every register that `operation` reads by what `replace` gives for it. */
export function replaceUses(operation: Operation, replace: (register: VirtualRegister) => VirtualRegister): void {
  const swapped = <T extends Operand>(operand: T): T =>
    operand.kind === "register" ? (replace(operand) as Operand as T) : operand;
  switch (operation.kind) {
    case "move":
    case "swap":
      operation.from = swapped(operation.from);
      break;
    case "alu":
      operation.left = swapped(operation.left);
      operation.right = swapped(operation.right);
      break;
    case "load":
      operation.base = swapped(operation.base);
      break;
    case "store":
      operation.base = swapped(operation.base);
      operation.value = swapped(operation.value);
      break;
    case "atomic":
      operation.base = swapped(operation.base);
      operation.value = swapped(operation.value);
      if (operation.expected !== undefined) operation.expected = swapped(operation.expected);
      break;
    case "call":
    case "callLocal":
      operation.arguments = operation.arguments.map(swapped);
      break;
    case "mapValue":
      break;
  }
}

/** The same for the end of a block. */
export function replaceTerminatorUses(end: Terminator, replace: (register: VirtualRegister) => VirtualRegister): void {
  if (end.kind === "exit" && end.value.kind === "register") end.value = replace(end.value);
  if (end.kind !== "branch") return;
  end.condition.left = replace(end.condition.left);
  if (end.condition.right.kind === "register") end.condition.right = replace(end.condition.right);
}

function registersOf(...operands: (Operand | undefined)[]): VirtualRegister[] {
  return operands.filter((operand): operand is VirtualRegister => operand?.kind === "register");
}
