// Which functions of a program call which: those that nobody calls are left out, because the verifier
// refuses unreachable code, and the frames of a chain of calls share one stack.

import type { IrFunction } from "./operation.ts";

/** A chain of functions, each called by the one before, and the stack that their frames take together. */
export interface CallChain {
  readonly names: readonly string[];
  /** Bytes of each of them. */
  readonly frames: readonly number[];
  /** Bytes. */
  readonly bytes: number;
}

/** The kernel rounds each frame of a chain up to this (check_max_stack_depth, kernel/bpf/verifier.c; 6.1). */
const FRAME_ROUNDING = 32;

/** Names of the functions that `fn` calls or hands to helpers that call back. */
export function callees(fn: IrFunction): ReadonlySet<string> {
  const names = new Set<string>();
  for (const { operations } of fn.blocks) {
    for (const operation of operations) {
      if (operation.kind === "callLocal") names.add(operation.callee);
      if (!("arguments" in operation)) continue;
      for (const argument of operation.arguments) if (argument.kind === "function") names.add(argument.name);
    }
  }
  return names;
}

/** The first function and all that it calls, directly or through others; in the order given. */
export function calledFunctions(functions: readonly IrFunction[]): IrFunction[] {
  const called = new Set<IrFunction>();
  const visit = (fn: IrFunction | undefined): void => {
    if (fn === undefined || called.has(fn)) return;
    called.add(fn);
    for (const name of callees(fn)) visit(functions.find((other) => other.name === name));
  };
  visit(functions[0]);
  return functions.filter((fn) => called.has(fn));
}

/** The chain of calls from the first function on that needs most stack. No function calls itself. */
export function deepestChain(functions: readonly IrFunction[], frameBytes: (fn: IrFunction) => number): CallChain {
  const byName = new Map(functions.map((fn) => [fn.name, fn]));
  const known = new Map<IrFunction, CallChain>();
  const deepestFrom = (fn: IrFunction): CallChain => {
    const found = known.get(fn);
    if (found !== undefined) return found;
    const own = Math.max(FRAME_ROUNDING, Math.ceil(frameBytes(fn) / FRAME_ROUNDING) * FRAME_ROUNDING);
    let below: CallChain = { names: [], frames: [], bytes: 0 };
    for (const name of callees(fn)) {
      const callee = byName.get(name);
      if (callee === undefined) continue;
      const chain = deepestFrom(callee);
      if (chain.bytes > below.bytes) below = chain;
    }
    const chain = { names: [fn.name, ...below.names], frames: [own, ...below.frames], bytes: own + below.bytes };
    known.set(fn, chain);
    return chain;
  };
  const [entry] = functions;
  return entry === undefined ? { names: [], frames: [], bytes: 0 } : deepestFrom(entry);
}

/** The longest chain of calls from the first function on, by names. */
export function longestChain(functions: readonly IrFunction[]): readonly string[] {
  return deepestChain(functions, () => 1).names;
}
