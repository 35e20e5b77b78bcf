// The ground on which statements are generated: which registers and which stack a function has, and the
// instructions it consists of so far. Everything here keeps one promise that makes programs acceptable to
// the verifier by construction: between statements r0–r7 hold numbers, r8 points to PACKET_BYTES of packet,
// r9 to the state, and every stack byte that is ever read has been written.

import * as asm from "../../src/asm/index.ts";
import type { Dice } from "./dice.ts";

/** An instruction or label of a generated program. */
export interface GeneratedItem {
  readonly item: asm.Item;
  /** Label of the function it belongs to; empty for the main function. */
  readonly owner: string;
  /** Number of the statement it belongs to, 0 for what every function needs. A statement's items, and
   * those of the statements inside it, lie between its first and its last. */
  readonly statement: number;
  /** Goes only with its whole statement: without it alone the promise above would be broken. */
  readonly isFixed: boolean;
}

export const PACKET_POINTER = 8;
export const STATE_POINTER = 9;
/** Counter of loops. */
export const COUNTER = 7;
export const SCALARS: readonly number[] = [0, 1, 2, 3, 4, 5, 6, 7];

/** Instruction set version: 4 adds signed division, sign extension, bswap and long jumps (Linux 6.6). */
export type InstructionSet = 3 | 4;

/** One function in the making. */
export class Scope {
  readonly dice: Dice;
  readonly instructionSet: InstructionSet;
  readonly items: GeneratedItem[] = [];
  /** Words of stack for data, from fp - 8 downwards. */
  readonly words: number;
  /** Conditional branches that may still be made; each can double the verifier's work. */
  branches: number;
  /** Whether the statement is part of a loop's body. */
  isInLoop = false;
  /** Number of the statement that is being made. */
  statement = 0;
  readonly #owner: string;

  constructor(
    dice: Dice,
    options: {
      readonly owner: string;
      readonly instructionSet: InstructionSet;
      readonly words: number;
      readonly branches: number;
    },
  ) {
    this.dice = dice;
    this.instructionSet = options.instructionSet;
    this.words = options.words;
    this.#owner = options.owner;
    this.branches = options.branches;
  }

  get isMain(): boolean {
    return this.#owner === "";
  }

  /** Stack offset of a helper's key. */
  get keyAt(): number {
    return -8 * (this.words + 1);
  }

  /** Stack offset of a helper's value, 16 bytes. */
  get valueAt(): number {
    return -8 * (this.words + 3);
  }

  /** Stack offset where a pointer is spilled. */
  get spillAt(): number {
    return -8 * (this.words + 4);
  }

  /** Stack offset where the main function keeps the context. */
  get contextAt(): number {
    return -8 * (this.words + 5);
  }

  emit(...items: readonly asm.Item[]): void {
    this.#push(items, false);
  }

  emitFixed(...items: readonly asm.Item[]): void {
    this.#push(items, true);
  }

  /** A register that holds a number. */
  scalar(): number {
    return this.dice.pick(SCALARS);
  }

  /** A register that a statement may change. */
  target(): number {
    return this.dice.pick(this.isInLoop ? SCALARS.filter((r) => r !== COUNTER) : SCALARS);
  }

  /** Gives `register` a number, after it held something else or nothing. */
  renew(register: number): void {
    const { dice } = this;
    const kind = dice.pick(["immediate", "immediate", "wide", "register"] as const);
    if (kind === "immediate") this.emitFixed(asm.mov64Imm(register, dice.immediate()));
    else if (kind === "wide") this.emitFixed(asm.loadImm64(register, dice.wide()));
    else this.emitFixed(asm.mov64(register, register === 6 ? 7 : 6));
  }

  /** Gives r1–r5 numbers again after a call; r0 has its result. */
  renewArguments(): void {
    for (let register = 1; register <= 5; register++) this.renew(register);
  }

  /** r`register` = fp + `offset`. */
  emitStackAddress(register: number, offset: number): void {
    this.emit(asm.mov64(register, asm.fp), asm.aluImm("add", 64, register, offset));
  }

  #push(items: readonly asm.Item[], isFixed: boolean): void {
    const place = { owner: this.#owner, statement: this.statement, isFixed };
    for (const item of items) this.items.push({ item, ...place });
  }
}
