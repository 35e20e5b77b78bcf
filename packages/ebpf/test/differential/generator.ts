// Whole programs: a main function and the functions it calls, made of random statements. The verifier
// accepts them by construction (scope.ts says how); what they compute is anybody's guess.

import * as asm from "../../src/asm/index.ts";
import * as layout from "./arena-layout.ts";
import { callBack, emitCallback } from "./callback-statements.ts";
import { Dice } from "./dice.ts";
import * as maps from "./map-statements.ts";
import {
  COUNTER,
  type GeneratedItem,
  type InstructionSet,
  PACKET_POINTER,
  SCALARS,
  Scope,
  STATE_POINTER,
} from "./scope.ts";
import * as plain from "./statements.ts";

/** A program and what it runs on. */
export interface GeneratedProgram {
  readonly seed: number;
  readonly items: readonly GeneratedItem[];
  readonly packet: Uint8Array;
  readonly playground: Uint8Array;
}

const FUNCTION_WORDS = 4;
const MAX_FUNCTIONS = 3;
const CALLBACK_PERCENT = 10;
const jumpNames = Object.keys(asm.jumpOperations) as asm.JumpOperation[];

/** The program of `seed`; the same for ever, for one instruction set. */
export function generateProgram(seed: number, instructionSet: InstructionSet): GeneratedProgram {
  const generator = new Generator(new Dice(seed), instructionSet);
  return { seed, ...generator.run() };
}

/** `items` without the functions that nothing calls: the verifier refuses code it cannot reach. */
export function dropUncalled(items: readonly GeneratedItem[]): readonly GeneratedItem[] {
  const called = new Set([""]);
  let kept: readonly GeneratedItem[] = [];
  for (;;) {
    const before = kept.length;
    kept = items.filter(({ owner }) => called.has(owner));
    if (kept.length === before) return kept;
    for (const { item } of kept) {
      if ("target" in item) called.add(item.target);
    }
  }
}

class Generator {
  readonly #dice: Dice;
  readonly #instructionSet: InstructionSet;
  /** Functions so far; one calls only those made before it, so calls end. */
  readonly #functions: { readonly label: string; readonly items: readonly GeneratedItem[] }[] = [];

  /** Whether this program has callbacks. Then it has no branches and loops: the verifier follows each
   * callback in rounds, and together with other ways to go that can take it minutes. */
  readonly #callsBack: boolean;
  readonly #callbacks = new Set<string>();
  readonly #callbackItems: GeneratedItem[] = [];
  /** Statements so far, in all functions. */
  #made = 0;

  constructor(dice: Dice, instructionSet: InstructionSet) {
    this.#dice = dice;
    this.#instructionSet = instructionSet;
    this.#callsBack = dice.chance(CALLBACK_PERCENT);
  }

  run(): Omit<GeneratedProgram, "seed"> {
    const dice = this.#dice;
    const packet = dice.bytes(dice.between(layout.PACKET_BYTES, 200));
    const playground = dice.bytes(layout.PLAYGROUND_BYTES);
    for (let count = dice.between(0, MAX_FUNCTIONS); count > 0; count--) this.#addFunction();
    const main = this.#main();
    const functions = this.#functions.flatMap(({ items }) => items);
    const items = [...main.items, ...functions, ...this.#callbackItems];
    return { items: dropUncalled(items), packet, playground };
  }

  #main(): Scope {
    const scope = this.#scope({ owner: "", words: layout.STACK_WORDS, branches: 6 });
    const { dice } = scope;
    scope.emitFixed(asm.store(8, asm.fp, scope.contextAt, 1));
    maps.emitPacketCheck(scope);
    scope.emitFixed(asm.loadMapValue(STATE_POINTER, layout.stateSpec.name, 0));
    this.#fillStack(scope);
    // r1–r3 hold pointers by now. That the others must have a number is for the verifier to insist on.
    for (const register of SCALARS) {
      const set = asm.loadImm64(register, dice.wide());
      if (register >= 1 && register <= 3) scope.emitFixed(set);
      else scope.emit(set);
    }
    this.#statements(scope, dice.between(5, 45));
    this.#finish(scope);
    return scope;
  }

  /** A function takes two numbers in r1 and r2, the state in r4, the packet in r5. */
  #addFunction(): void {
    const dice = this.#dice;
    const label = `function${this.#functions.length}`;
    const scope = this.#scope({ owner: label, words: FUNCTION_WORDS, branches: 1 });
    scope.emitFixed(asm.label(label), asm.mov64(STATE_POINTER, 4), asm.mov64(PACKET_POINTER, 5));
    this.#fillStack(scope);
    for (const register of [0, 3, 4, 5, 6, 7]) {
      scope.emitFixed(asm.loadImm64(register, dice.wide()));
    }
    this.#statements(scope, dice.between(2, 10));
    scope.emitFixed(asm.exit());
    this.#functions.push({ label, items: scope.items });
  }

  #scope(options: { owner: string; words: number; branches: number }): Scope {
    const branches = this.#callsBack ? 0 : options.branches;
    return new Scope(this.#dice, { ...options, branches, instructionSet: this.#instructionSet });
  }

  #fillStack(scope: Scope): void {
    for (let word = 1; word <= scope.words + 4; word++) {
      scope.emitFixed(asm.storeImm(8, asm.fp, -8 * word, this.#dice.immediate()));
    }
  }

  /** Shows the registers and the stack to the world. */
  #finish(scope: Scope): void {
    for (const register of SCALARS) {
      scope.emit(asm.store(8, STATE_POINTER, layout.REGISTERS_AT + register * 8, register));
    }
    for (let word = 1; word <= layout.STACK_WORDS; word++) {
      const at = layout.STACK_AT + (word - 1) * 8;
      scope.emit(asm.load(8, 1, asm.fp, -8 * word), asm.store(8, STATE_POINTER, at, 1));
    }
    scope.emitFixed(asm.exit(), asm.label("short"), asm.mov64Imm(0, -1), asm.exit());
  }

  #statements(scope: Scope, count: number): void {
    for (let done = 0; done < count; done++) this.#statement(scope);
  }

  #statement(scope: Scope): void {
    const outer = scope.statement;
    this.#made += 1;
    scope.statement = this.#made;
    this.#anyStatement(scope);
    scope.statement = outer;
  }

  #anyStatement(scope: Scope): void {
    const { dice } = scope;
    const roll = dice.between(1, 100);
    if (this.#callsBack && scope.isMain && roll <= 5) this.#callBack(scope);
    else if (roll <= 34) plain.arithmetic(scope);
    else if (roll <= 44) plain.unary(scope);
    else if (roll <= 54) plain.load(scope);
    else if (roll <= 64) plain.store(scope);
    else if (roll <= 70) plain.atomic(scope);
    else if (roll <= 74) plain.variableAccess(scope);
    else if (roll <= 77) plain.spill(scope);
    else if (roll <= 84) this.#branch(scope);
    else if (roll <= 87) this.#loop(scope);
    else if (roll <= 91) this.#call(scope);
    else if (roll <= 94) this.#lookup(scope);
    else if (roll <= 96) maps.update(scope);
    else if (roll <= 97) maps.remove(scope);
    else if (roll <= 98 && scope.isMain) maps.adjustPacket(scope);
    else plain.arithmetic(scope);
  }

  #callBack(scope: Scope): void {
    const kind = scope.dice.pick(["loop", "each"] as const);
    if (!this.#callbacks.has(kind)) {
      const callback = this.#scope({ owner: kind, words: 0, branches: 0 });
      callback.emitFixed(asm.label(kind));
      emitCallback(callback, kind);
      this.#callbacks.add(kind);
      this.#callbackItems.push(...callback.items);
    }
    callBack(scope, kind, kind);
  }

  #lookup(scope: Scope): void {
    // Whether the entry is there is a branch for the verifier, too.
    if (scope.branches <= 0) return;
    scope.branches -= 1;
    maps.lookup(scope);
  }

  /** `if (…) { … } else { … }`, the second half only sometimes. */
  #branch(scope: Scope): void {
    if (scope.branches <= 0) return;
    scope.branches -= 1;
    const { dice } = scope;
    const [otherwise, end] = [`else${scope.statement}`, `end${scope.statement}`];
    const operation = dice.pick(jumpNames);
    const width = dice.pick([32, 64] as const);
    const left = scope.scalar();
    if (dice.chance(60)) scope.emitFixed(asm.jump(operation, width, left, scope.scalar(), otherwise));
    else scope.emitFixed(asm.jumpImm(operation, width, left, dice.immediate(), otherwise));
    this.#statements(scope, dice.between(1, 4));
    const hasElse = dice.chance(40);
    const skip = scope.instructionSet === 4 && dice.chance(30) ? asm.gotoLong : asm.goto;
    if (hasElse) scope.emitFixed(skip(end));
    scope.emitFixed(asm.label(otherwise));
    if (hasElse) this.#statements(scope, dice.between(1, 4));
    scope.emitFixed(asm.label(end));
  }

  /** A loop of a few rounds, counted in a register that its body leaves alone. */
  #loop(scope: Scope): void {
    if (scope.isInLoop || this.#callsBack) return;
    const { dice } = scope;
    const again = `loop${scope.statement}`;
    const branches = scope.branches;
    scope.branches = Math.min(branches, 1);
    const rounds = dice.between(1, scope.branches > 0 ? 4 : 8);
    scope.emitFixed(asm.mov64Imm(COUNTER, 0), asm.label(again));
    scope.isInLoop = true;
    this.#statements(scope, dice.between(1, 4));
    scope.isInLoop = false;
    const width = dice.pick([32, 64] as const);
    scope.emitFixed(asm.aluImm("add", 64, COUNTER, 1), asm.jumpImm("jlt", width, COUNTER, rounds, again));
    scope.branches = Math.max(0, branches - 1);
  }

  #call(scope: Scope): void {
    if (this.#functions.length === 0) return;
    // In a function that is being made, all others in the list are finished ones.
    const { label } = scope.dice.pick(this.#functions);
    scope.emitFixed(asm.mov64(4, STATE_POINTER), asm.mov64(5, PACKET_POINTER));
    scope.emitFixed(asm.callLocal(label));
    scope.renewArguments();
  }
}
