// Statements that make the kernel call back into the program: bpf_loop and bpf_for_each_map_elem.

import * as asm from "../../src/asm/index.ts";
import { PLAYGROUND_BYTES } from "./arena-layout.ts";
import { type Scope, STATE_POINTER } from "./scope.ts";

const LOOP = 181;
const FOR_EACH = 164;

/**
 * Makes the body of a function that a helper calls back: (index, context) for bpf_loop, (map, key, value,
 * context) for the walk over a map. It mixes what is new in each round into two words of the state, which
 * its context points to. The verifier knows nothing of their contents; of numbers on the stack it would
 * know each round's, and follow one round after the other.
 */
export function emitCallback(scope: Scope, kind: "loop" | "each"): void {
  const { dice } = scope;
  const [context, fresh] = kind === "loop" ? [2, 1] : [4, 3];
  const operation = () => dice.pick(["add", "xor", "sub", "mul", "lsh", "arsh"] as const);
  const width = () => dice.pick([32, 64] as const);
  const [first, second] = [0, 8].map((word) => word + 16 * dice.between(0, PLAYGROUND_BYTES / 16 - 1));
  if (first === undefined || second === undefined) return;
  if (kind === "each") scope.emitFixed(asm.load(8, fresh, fresh, 0));
  scope.emitFixed(asm.load(8, context, context, 0));
  scope.emitFixed(asm.load(8, 5, context, first), asm.load(8, 0, context, second));
  scope.emit(asm.alu(operation(), width(), 5, fresh), asm.alu(operation(), width(), 0, 5));
  scope.emit(asm.alu(operation(), width(), 5, 0));
  scope.emit(asm.store(8, context, first, 5), asm.store(8, context, second, 0));
  // A callback may return 0, or 1 to end the walk. Computed without a branch, which the verifier would
  // follow anew in each round.
  const shift = dice.between(0, 31);
  scope.emitFixed(asm.mov64(0, 5), asm.aluImm("rsh", 64, 0, shift), asm.aluImm("and", 64, 0, 1));
  if (dice.chance(50)) scope.emitFixed(asm.mov64Imm(0, 0));
  scope.emitFixed(asm.exit());
}

/** Calls the helper of `kind` with the function at `label`. */
export function callBack(scope: Scope, kind: "loop" | "each", label: string): void {
  const { dice } = scope;
  // The context has to lie on the stack; it holds a pointer to the state.
  scope.emitFixed(asm.store(8, asm.fp, scope.valueAt, STATE_POINTER));
  // Not 0 rounds: Linux 6.18 then removes the function and misses it ("No program to jit").
  if (kind === "loop") scope.emitFixed(asm.mov64Imm(1, dice.between(1, 20)));
  else scope.emitFixed(asm.loadMap(1, "array"));
  scope.emitFixed(asm.loadFunction(2, label), asm.mov64(3, asm.fp));
  scope.emitFixed(asm.aluImm("add", 64, 3, scope.valueAt), asm.mov64Imm(4, 0));
  scope.emitFixed(asm.callHelper(kind === "loop" ? LOOP : FOR_EACH));
  scope.renewArguments();
  scope.emitFixed(asm.storeImm(8, asm.fp, scope.valueAt, dice.immediate()));
}
