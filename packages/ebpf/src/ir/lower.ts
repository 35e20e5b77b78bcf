// The last step of a function: registers are allocated, slots get their place in the frame, and each
// operation becomes the one, two or three instructions that the machine has for it.

import {
  alu,
  aluImm,
  atomic,
  byteSwap,
  callHelper,
  callLocal,
  exit,
  goto,
  type Item,
  jump,
  jumpImm,
  label,
  load,
  loadFunction,
  loadImm64,
  loadMap,
  loadMapValue,
  mov32,
  mov32Imm,
  mov64,
  mov64Imm,
  type SourcePosition,
  store,
  storeImm,
} from "../asm/index.ts";
import { type Allocation, allocate } from "./allocate.ts";
import {
  type Block,
  type Comparison,
  type Constant,
  fitsImmediate,
  type IrFunction,
  type Operand,
  type Operation,
  type StackSlot,
  type VirtualRegister,
} from "./operation.ts";
import { parallelMoves } from "./parallel-moves.ts";

/** Bytes of stack a function has (MAX_BPF_STACK, include/linux/filter.h). */
export const FRAME_BYTES = 512;
const FRAME_POINTER = 10;

/** Label of a function's first instruction, for calls between functions. */
export function functionLabel(name: string): string {
  return `${name}()`;
}

/** A function as assembler items, beginning with its label. `frameBytes` is what its slots take. */
export function lower(fn: IrFunction): { readonly items: Item[]; readonly frameBytes: number } {
  const allocation = allocate(fn);
  const { places, frameBytes } = placeSlots(fn);
  const items: Item[] = [label(functionLabel(fn.name))];
  const emitter = new Emitter(fn, allocation, places, items);
  emitter.parameters();
  const ordered = [...fn.blocks.filter((b) => !b.isCold), ...fn.blocks.filter((b) => b.isCold)];
  ordered.forEach((block, index) => emitter.block(block, ordered[index + 1]));
  return { items, frameBytes };
}

/** Offsets from r10. Slots that no operation names any more take no room. */
function placeSlots(fn: IrFunction) {
  const used = new Set<number>();
  for (const { operations } of fn.blocks) {
    for (const operation of operations) {
      if ("base" in operation && operation.base.kind === "stack") used.add(operation.base.id);
      if ("from" in operation && operation.from.kind === "stack") used.add(operation.from.id);
      if ("arguments" in operation) {
        for (const argument of operation.arguments) if (argument.kind === "stack") used.add(argument.id);
      }
    }
  }
  const places = new Map<number, number>();
  let depth = 0;
  // Two of up to four bytes, such as keys of arrays, lie in eight.
  let half: number | undefined;
  for (const slot of fn.slots) {
    if (!used.has(slot.id)) continue;
    if (slot.size <= 4 && half !== undefined) {
      places.set(slot.id, half);
      half = undefined;
      continue;
    }
    depth += Math.ceil(slot.size / 8) * 8;
    places.set(slot.id, -depth);
    if (slot.size <= 4) half = -depth + 4;
  }
  return { places, frameBytes: depth };
}

class Emitter {
  readonly #fn: IrFunction;
  readonly #allocation: Allocation;
  readonly #places: ReadonlyMap<number, number>;
  readonly #items: Item[];

  constructor(fn: IrFunction, allocation: Allocation, places: ReadonlyMap<number, number>, items: Item[]) {
    this.#fn = fn;
    this.#allocation = allocation;
    this.#places = places;
    this.#items = items;
  }

  /** Moves r1… to where the function's parameters were put. */
  parameters(): void {
    const moves = this.#fn.parameters.flatMap((parameter, index) => {
      const target = this.#allocation[parameter.id];
      return target === undefined ? [] : [{ target, from: index + 1 }];
    });
    for (const { target, from } of parallelMoves(moves, 0)) this.#items.push(mov64(target, from, this.#fn.source));
  }

  block(block: Block, next: Block | undefined): void {
    this.#items.push(label(this.#label(block)));
    for (const operation of block.operations) this.#operation(operation);
    const end = block.terminator;
    if (end === undefined) throw new Error(`${this.#fn.name}: block ${block.id} has no end`);
    switch (end.kind) {
      case "jump":
        if (end.target !== next) this.#items.push(goto(this.#label(end.target), end.source));
        break;
      case "branch":
        if (end.whenTrue === next) this.#branch(negate(end.condition), end.whenFalse, end.source);
        else {
          this.#branch(end.condition, end.whenTrue, end.source);
          if (end.whenFalse !== next) this.#items.push(goto(this.#label(end.whenFalse), end.source));
        }
        break;
      case "exit":
        this.#put(0, end.value, 64, end.source);
        this.#items.push(exit(end.source));
        break;
    }
  }

  #label(block: Block): string {
    return `${this.#fn.name}:${block.id}`;
  }

  #register(register: VirtualRegister): number {
    const physical = this.#allocation[register.id];
    if (physical === undefined) throw new Error(`${this.#fn.name}: register v${register.id} was never written`);
    return physical;
  }

  #base(base: VirtualRegister | StackSlot, offset: number): [register: number, offset: number] {
    if (base.kind === "register") return [this.#register(base), offset];
    return [FRAME_POINTER, this.#place(base) + offset];
  }

  #place(slot: StackSlot): number {
    const place = this.#places.get(slot.id);
    if (place === undefined) throw new Error(`${this.#fn.name}: stack slot ${slot.id} has no place`);
    return place;
  }

  /** Puts any operand into physical register `target`. */
  #put(target: number, from: Operand, width: 32 | 64, source: SourcePosition | undefined): void {
    switch (from.kind) {
      case "register": {
        const register = this.#register(from);
        if (width === 32) this.#items.push(mov32(target, register, source));
        else if (register !== target) this.#items.push(mov64(target, register, source));
        break;
      }
      case "constant":
        this.#items.push(this.#constant(target, from, source));
        break;
      case "stack":
        this.#items.push(mov64(target, FRAME_POINTER, source));
        this.#items.push(aluImm("add", 64, target, this.#place(from), source));
        break;
      case "map":
        this.#items.push(loadMap(target, from.map.name, source));
        break;
      case "function":
        this.#items.push(loadFunction(target, functionLabel(from.name), source));
        break;
    }
  }

  #constant(target: number, { value }: Constant, source: SourcePosition | undefined): Item {
    if (fitsImmediate(value)) return mov64Imm(target, Number(value), source);
    if (value > 0n && value <= 0xffff_ffffn) return mov32Imm(target, Number(BigInt.asIntN(32, value)), source);
    return loadImm64(target, value, source);
  }

  #operation(operation: Operation): void {
    const { source } = operation;
    switch (operation.kind) {
      case "move":
        this.#put(this.#register(operation.target), operation.from, operation.width, source);
        break;
      case "alu":
        this.#alu(operation);
        break;
      case "swap": {
        const target = this.#register(operation.target);
        this.#put(target, operation.from, 64, source);
        this.#items.push(byteSwap("be", operation.bits, target, source));
        break;
      }
      case "load":
        this.#items.push(
          load(
            operation.size,
            this.#register(operation.target),
            ...this.#base(operation.base, operation.offset),
            source,
          ),
        );
        break;
      case "store": {
        const [base, offset] = this.#base(operation.base, operation.offset);
        const { value, size } = operation;
        if (value.kind === "register") this.#items.push(store(size, base, offset, this.#register(value), source));
        else this.#items.push(storeImm(size, base, offset, immediate(value), source));
        break;
      }
      case "atomic":
        this.#atomic(operation);
        break;
      case "call":
      case "callLocal":
        this.#call(operation);
        break;
      case "mapValue":
        this.#items.push(loadMapValue(this.#register(operation.target), operation.map.name, operation.offset, source));
        break;
    }
  }

  #alu({ operator, width, target: to, left, right, source }: Operation & { kind: "alu" }): void {
    const target = this.#register(to);
    if (right.kind === "constant") {
      this.#put(target, left, 64, source);
      this.#items.push(aluImm(operator, width, target, immediate(right), source));
      return;
    }
    const other = this.#register(right);
    if (other === target && this.#register(left) !== target) {
      this.#items.push(alu(operator, width, target, this.#register(left), source));
      return;
    }
    this.#put(target, left, 64, source);
    this.#items.push(alu(operator, width, target, other, source));
  }

  #atomic(operation: Operation & { kind: "atomic" }): void {
    const { source, operator, size, target, expected } = operation;
    const options = source === undefined ? {} : { source };
    const [base, offset] = this.#base(operation.base, operation.offset);
    const value = this.#register(operation.value);
    if (operator === "cmpxchg") {
      if (expected === undefined || target === undefined) throw new Error("cmpxchg needs expected and target");
      this.#put(0, expected, 64, source);
      this.#items.push(atomic(operator, size, base, offset, value, options));
      const result = this.#register(target);
      if (result !== 0) this.#items.push(mov64(result, 0, source));
    } else if (target === undefined) {
      this.#items.push(atomic(operator, size, base, offset, value, options));
    } else {
      const result = this.#register(target);
      if (result !== value) this.#items.push(mov64(result, value, source));
      this.#items.push(atomic(operator, size, base, offset, result, { ...options, fetch: true }));
    }
  }

  #call(operation: Operation & { kind: "call" | "callLocal" }): void {
    const { source } = operation;
    const moves = operation.arguments.flatMap((argument, index) =>
      argument.kind === "register" ? [{ target: index + 1, from: this.#register(argument) }] : [],
    );
    for (const { target, from } of parallelMoves(moves, 0)) this.#items.push(mov64(target, from, source));
    operation.arguments.forEach((argument, index) => {
      if (argument.kind !== "register") this.#put(index + 1, argument, 64, source);
    });
    this.#items.push(
      operation.kind === "call"
        ? callHelper(operation.helper, source)
        : callLocal(functionLabel(operation.callee), source),
    );
    const result = this.#allocation[operation.target.id];
    if (result !== undefined && result !== 0) this.#items.push(mov64(result, 0, source));
  }

  #branch(condition: Comparison, to: Block, source: SourcePosition | undefined): void {
    const { operator, width, left, right } = condition;
    const target = this.#label(to);
    this.#items.push(
      right.kind === "register"
        ? jump(operator, width, this.#register(left), this.#register(right), target, source)
        : jumpImm(operator, width, this.#register(left), immediate(right), target, source),
    );
  }
}

const OPPOSITE = {
  jeq: "jne",
  jne: "jeq",
  jgt: "jle",
  jle: "jgt",
  jge: "jlt",
  jlt: "jge",
  jsgt: "jsle",
  jsle: "jsgt",
  jsge: "jslt",
  jslt: "jsge",
} as const;

/** The comparison that holds where `condition` does not. `jset` has no opposite: the builder avoids it. */
function negate(condition: Comparison): Comparison {
  if (condition.operator === "jset") throw new Error("jset cannot be negated");
  return { ...condition, operator: OPPOSITE[condition.operator] };
}

/** The immediate field for a constant: its low 32 bits, signed. */
function immediate({ value }: Constant): number {
  return Number(BigInt.asIntN(32, value));
}
