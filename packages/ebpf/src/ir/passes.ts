// What is done to a function between the DSL and register allocation: blocks that nothing reaches are left
// out, the others put in order, copies are read through, values that nobody reads are not computed.

import {
  type Block,
  definition,
  hasEffect,
  type IrFunction,
  type Operation,
  replaceTerminatorUses,
  replaceUses,
  successors,
  terminatorUses,
  uses,
  type VirtualRegister,
} from "./operation.ts";
import { liveness } from "./liveness.ts";

/** Runs all passes; the function is changed in place. */
export function optimise(fn: IrFunction): void {
  orderBlocks(fn);
  threadJumps(fn);
  orderBlocks(fn);
  joinBlocks(fn);
  propagateCopies(fn);
  removeDead(fn);
}

/**
 * Leaves out blocks that no path from the entry reaches, and puts each of the others behind all that lead to
 * it, loops aside: most then fall through into the next, and data flow settles in few rounds. Where both ways of
 * a branch are equal, the one where its condition does not hold comes first: the verifier walks it first, and
 * knows less there, so that what it finds covers more of the other way.
 */
export function orderBlocks(fn: IrFunction): void {
  const [entry] = fn.blocks;
  if (entry === undefined) return;
  const seen = new Set<Block>([entry]);
  const finished: Block[] = [];
  const path = [{ block: entry, pending: [...successors(entry)] }];
  for (let top = path.at(-1); top !== undefined; top = path.at(-1)) {
    const next = top.pending.shift();
    if (next === undefined) {
      finished.push(top.block);
      path.pop();
    } else if (!seen.has(next)) {
      seen.add(next);
      path.push({ block: next, pending: [...successors(next)] });
    }
  }
  fn.blocks.splice(0, fn.blocks.length, ...finished.reverse());
}

/** Makes one block of two where the first always goes to the second and nobody else does. */
function joinBlocks(fn: IrFunction): void {
  const ways = new Map<Block, number>();
  for (const block of fn.blocks) for (const next of successors(block)) ways.set(next, (ways.get(next) ?? 0) + 1);
  const joined = new Set<Block>();
  for (const block of fn.blocks) {
    if (joined.has(block)) continue;
    for (let end = block.terminator; end?.kind === "jump"; end = block.terminator) {
      const next = end.target;
      if (ways.get(next) !== 1 || next === fn.blocks[0]) break;
      block.operations.push(...next.operations);
      block.terminator = next.terminator;
      joined.add(next);
    }
  }
  fn.blocks.splice(0, fn.blocks.length, ...fn.blocks.filter((block) => !joined.has(block)));
}

/** Lets jumps to a block that only jumps on go to where it leads. */
function threadJumps(fn: IrFunction): void {
  const destination = (block: Block): Block => {
    let at = block;
    for (let steps = 0; steps < fn.blocks.length; steps++) {
      if (at.operations.length > 0 || at.terminator?.kind !== "jump") return at;
      at = at.terminator.target;
    }
    return at;
  };
  for (const { terminator } of fn.blocks) {
    if (terminator?.kind === "jump") terminator.target = destination(terminator.target);
    if (terminator?.kind !== "branch") continue;
    terminator.whenTrue = destination(terminator.whenTrue);
    terminator.whenFalse = destination(terminator.whenFalse);
  }
}

/**
 * Inside each block, reads of a 64-bit copy become reads of the original for as long as neither of
 * the two is written again. Copies that nobody reads any more fall to `removeDead`.
 */
function propagateCopies(fn: IrFunction): void {
  for (const block of fn.blocks) {
    const originals = new Map<number, VirtualRegister>();
    const original = (register: VirtualRegister) => originals.get(register.id) ?? register;
    for (const [index, found] of block.operations.entries()) {
      const operation = withoutIdentity(found);
      block.operations[index] = operation;
      replaceUses(operation, original);
      const written = definition(operation);
      if (written === undefined) continue;
      originals.delete(written.id);
      for (const [copy, from] of originals) if (from.id === written.id) originals.delete(copy);
      if (operation.kind === "move" && operation.width === 64 && operation.from.kind === "register") {
        if (operation.from.id !== written.id) originals.set(written.id, operation.from);
      }
    }
    if (block.terminator !== undefined) replaceTerminatorUses(block.terminator, original);
  }
}

/** Adding nothing is a copy. */
function withoutIdentity(operation: Operation): Operation {
  if (operation.kind !== "alu" || operation.width !== 64 || operation.operator !== "add") return operation;
  const { target, left, right, source } = operation;
  return right.kind === "constant" && right.value === 0n
    ? { kind: "move", target, from: left, width: 64, source }
    : operation;
}

/** Leaves out operations without effect whose value nobody reads; loads among them. */
function removeDead(fn: IrFunction): void {
  for (let changed = true; changed; ) {
    changed = false;
    const live = liveness(fn);
    for (const block of fn.blocks) {
      const now = live.liveOut(block);
      for (const register of terminatorUses(block.terminator)) now.add(register.id);
      const kept = [];
      for (const operation of block.operations.toReversed()) {
        const written = definition(operation);
        const isRead = written === undefined || now.has(written.id);
        if (!isRead && !hasEffect(operation)) {
          changed = true;
          continue;
        }
        if (written !== undefined) now.delete(written.id);
        for (const register of uses(operation)) now.add(register.id);
        kept.push(operation);
      }
      block.operations.splice(0, block.operations.length, ...kept.reverse());
    }
  }
}
