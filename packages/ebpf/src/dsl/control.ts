// Control flow of staged programs: guards that leave, branches, bounded loops, variables that change.

import type { JumpOperation } from "../asm/index.ts";
import { type Block, constant, type VirtualRegister } from "../ir/operation.ts";
import { BuildError } from "./build-error.ts";
import { builder } from "./builder.ts";
import { callerPosition } from "./position.ts";
import { BITS, Bool, Int, type IntKind, Net, type NetKind, operandOf } from "./scalar.ts";
import { leaveWith, type Reason, type Verdict } from "./verdict.ts";

/** Turns a condition into branches to `whenTrue` and `whenFalse` and ends the current block. */
export function branchOn(condition: Bool, whenTrue: Block, whenFalse: Block): void {
  condition.assertUsable();
  const build = builder();
  const form = condition.condition;
  switch (form.kind) {
    case "known":
      build.end({ kind: "jump", target: form.value ? whenTrue : whenFalse });
      break;
    case "compare":
      build.end({ kind: "branch", condition: { ...form.comparison }, whenTrue, whenFalse });
      break;
    case "not":
      branchOn(form.of, whenFalse, whenTrue);
      break;
    case "and":
    case "or": {
      const next = build.block();
      if (form.kind === "and") branchOn(form.left, next, whenFalse);
      else branchOn(form.left, whenTrue, next);
      build.enter(next);
      branchOn(form.right, whenTrue, whenFalse);
      break;
    }
  }
}

/** What happens where the condition of a guard does not hold. The rest of the body runs only where it does. */
export interface Guard {
  /** Leaves with the verdict "pass". */
  orPass(reason?: Reason): void;
  /** Leaves with the verdict "drop"; a reason is a must. */
  orDrop(reason: Reason): void;
  /** Leaves with any verdict. */
  orLeave(verdict: Verdict): void;
  /** Of functions: returns `value`. */
  orReturn(value: Int | number): void;
}

/** Goes on only where `condition` holds. */
export function guard(condition: Bool): Guard {
  const otherwise = (leave: () => void): void => {
    const build = builder();
    const good = build.block();
    const bad = build.block({ isCold: true });
    branchOn(condition, good, bad);
    build.enter(bad);
    leave();
    build.enter(good);
  };
  return {
    orPass: (reason) => otherwise(() => leaveWith({ action: "pass", reason })),
    orDrop: (reason) => otherwise(() => leaveWith({ action: "drop", reason })),
    orLeave: (verdict) => otherwise(() => leaveWith(verdict)),
    orReturn: (value) => otherwise(() => returnValue(value)),
  };
}

/** Ends the function being built with `value`. */
export function returnValue(value: Int | number): void {
  const { returns, fn } = builder();
  if (value instanceof Int && BITS[value.kind] > BITS[returns]) {
    const message = `a ${value.kind} returned from function "${fn.name}", which returns ${returns}: cut it`;
    throw new BuildError("YM_BUILD_RANGE", message, callerPosition());
  }
  builder().end({ kind: "exit", value: operandOf(value, BITS[returns]) });
}

/** Leaves the program here with `verdict`; what follows in this branch never runs. */
export function leave(verdict: Verdict): void {
  leaveWith(verdict);
}

/** The other half of `when`. */
export interface Otherwise {
  otherwise(body: () => void): void;
}

/**
 * Runs `body` where `condition` holds. `isRare` puts it out of the way of the straight road. Where a branch moves the
 * packet's bounds and goes on, references into the packet are stale behind the branches too.
 */
export function when(condition: Bool, body: () => void, options: { readonly isRare?: boolean } = {}): Otherwise {
  const build = builder();
  const isCold = build.current.isCold;
  const then = build.block(options.isRare === true ? { isCold: true } : {});
  const otherwise = build.block();
  const after = build.block({ isCold });
  branchOn(condition, then, otherwise);
  const before = savedState();
  build.enter(then);
  const goesOnMoved = branch(body);
  build.end({ kind: "jump", target: after });
  build.enter(otherwise);
  build.end({ kind: "jump", target: after });
  build.enter(after);
  if (goesOnMoved) before.forEach((state) => state.restoreMoved());
  return {
    otherwise(other) {
      const resumed = build.current;
      otherwise.terminator = undefined;
      if (goesOnMoved) before.forEach((state) => state.restore());
      build.enter(otherwise);
      const otherMoved = branch(other);
      build.end({ kind: "jump", target: after });
      build.enter(resumed);
      if (goesOnMoved || otherMoved) before.forEach((state) => state.restoreMoved());
    },
  };
}

function savedState() {
  return builder().branchState.map((state) => state.save());
}

/** Builds a branch; whether it goes on with other bounds. One that leaves for good puts build-time state back. */
function branch(body: () => void): boolean {
  const build = builder();
  const saved = savedState();
  build.depth++;
  body();
  build.depth--;
  if (!build.isEnded) return saved.some(({ hasChanged }) => hasChanged());
  for (const { restore } of saved) restore();
  return false;
}

/** Builds a round of a loop, which the next one must find the packet as. */
function nested(body: () => void): void {
  if (!branch(body)) return;
  throw new BuildError(
    "YM_BUILD_STALE",
    "a loop that changes the packet's bounds must end in a verdict: its next round would find others",
    callerPosition(),
  );
}

/** A value that changes: assigned in branches and loops, read where it is needed. */
export interface Variable<V extends Int | Net> {
  /** The value now. */
  get(): V;
  set(value: V): void;
}

/** A variable that starts as `initial`. */
export function variable<K extends IntKind>(initial: Int<K>): Variable<Int<K>>;
export function variable<K extends NetKind>(initial: Net<K>): Variable<Net<K>>;
export function variable(initial: Int | Net): Variable<Int> | Variable<Net> {
  const home = builder().register();
  const owner = builder();
  const assign = (value: Int | Net) => {
    if (builder() !== owner)
      throw new BuildError(
        "YM_BUILD_FOREIGN",
        `this variable belongs to function "${owner.fn.name}"`,
        callerPosition(),
      );
    if (BITS[value.kind] > BITS[initial.kind]) {
      const message = `a ${value.kind} put into a variable of ${initial.kind}: cut it, or start the variable wider`;
      throw new BuildError("YM_BUILD_RANGE", message, callerPosition());
    }
    builder().emit({ kind: "move", target: home, from: value.operand(), width: 64 });
  };
  assign(initial);
  const read = (): VirtualRegister => {
    const target = builder().register();
    builder().emit({ kind: "move", target, from: home, width: 64 });
    return target;
  };
  return initial instanceof Int
    ? { get: () => new Int(initial.kind, read()), set: assign }
    : { get: () => new Net(initial.kind, read()), set: assign };
}

/** `whenTrue` or `whenFalse`, both computed beforehand. */
export function choose<K extends IntKind>(condition: Bool, whenTrue: Int<K>, whenFalse: Int<NoInfer<K>>): Int<K> {
  const chosen = variable(whenFalse);
  when(condition, () => chosen.set(whenTrue));
  return chosen.get();
}

/** The verifier walks through every round and gives up after a million instructions. */
const MAX_ROUNDS = 1_000_000;

/** Inside a loop. */
export interface Loop {
  /** Leaves the loop. */
  stop(): void;
  /** Goes on with the next round. */
  next(): void;
}

/**
 * Runs `body` for index 0, 1, … below `times` and at most `atMost` times, the bound that the verifier
 * sees. With a JavaScript number both are the same.
 */
export function repeat(
  times: number | { readonly times: Int; readonly atMost: number },
  body: (index: Int<"u32">, loop: Loop) => void,
): void {
  const build = builder();
  const atMost = typeof times === "number" ? times : times.atMost;
  if (!Number.isInteger(atMost) || atMost < 0 || atMost > MAX_ROUNDS) {
    const message = `a loop of ${atMost} rounds: a whole number from 0 to ${MAX_ROUNDS} is wanted`;
    throw new BuildError("YM_BUILD_RANGE", message, callerPosition());
  }
  const counter = build.register();
  const head = build.block();
  const round = build.block();
  const step = build.block();
  const after = build.block();
  build.emit({ kind: "move", target: counter, from: constant(0), width: 64 });
  build.end({ kind: "jump", target: head });
  build.enter(head);
  const within = compareRegister("jlt", counter, atMost);
  branchOn(typeof times === "number" ? within : within.and(new Int("u32", counter).lt(times.times)), round, after);
  build.enter(round);
  const index = build.register();
  build.emit({ kind: "move", target: index, from: counter, width: 64 });
  const loop: Loop = {
    stop: () => build.end({ kind: "jump", target: after }),
    next: () => build.end({ kind: "jump", target: step }),
  };
  nested(() => body(new Int("u32", index), loop));
  build.end({ kind: "jump", target: step });
  build.enter(step);
  build.emit({ kind: "alu", operator: "add", width: 64, target: counter, left: counter, right: constant(1) });
  build.end({ kind: "jump", target: head });
  build.enter(after);
}

function compareRegister(operator: JumpOperation, left: VirtualRegister, right: number): Bool {
  return new Bool({ kind: "compare", comparison: { operator, width: 64, left, right: constant(right) } });
}
