// Takes registers out of the competition: their value lives in a slot of the frame, is stored where
// it is written and loaded where it is read. What is cheaper to make again is made again instead.

import {
  definition,
  type IrFunction,
  type Operation,
  replaceTerminatorUses,
  replaceUses,
  type StackSlot,
  terminatorUses,
  uses,
  type VirtualRegister,
} from "./operation.ts";

/**
 * Rewrites `fn`; returns the ids of the short-lived registers that it made. Values that are never alive
 * together (`neighbours` tells) share a slot.
 */
export function spill(fn: IrFunction, ids: ReadonlySet<number>, neighbours: readonly ReadonlySet<number>[]): number[] {
  const made: number[] = [];
  const fresh = (): VirtualRegister => {
    made.push(fn.registers);
    return { kind: "register", id: fn.registers++ };
  };
  const recipes = cheapRecipes(fn, ids);
  const slots = assignSlots(
    fn,
    [...ids].filter((id) => !recipes.has(id)),
    neighbours,
  );

  for (const block of fn.blocks) {
    const rewritten: Operation[] = [];
    const bring = (register: VirtualRegister, source: Operation["source"]): VirtualRegister => {
      const target = fresh();
      const recipe = recipes.get(register.id);
      if (recipe !== undefined) rewritten.push({ ...recipe, target, source } as Operation);
      else {
        const base = slots.get(register.id) as StackSlot;
        rewritten.push({ kind: "load", target, base, offset: 0, size: 8, source });
      }
      return target;
    };
    if (block === fn.blocks[0]) {
      for (const parameter of fn.parameters) {
        const base = slots.get(parameter.id);
        if (base !== undefined) rewritten.push({ kind: "store", base, offset: 0, size: 8, value: parameter });
      }
    }
    for (const operation of block.operations) {
      const target = definition(operation);
      if (target !== undefined && recipes.has(target.id)) continue;
      const brought = new Map<number, VirtualRegister>();
      for (const register of uses(operation)) {
        if (ids.has(register.id) && !brought.has(register.id)) {
          brought.set(register.id, bring(register, operation.source));
        }
      }
      replaceUses(operation, (register) => brought.get(register.id) ?? register);
      rewritten.push(operation);
      const base = target === undefined ? undefined : slots.get(target.id);
      if (base === undefined || operation.kind === "store") continue;
      const value = fresh();
      operation.target = value;
      rewritten.push({ kind: "store", base, offset: 0, size: 8, value, source: operation.source });
    }
    const end = block.terminator;
    if (end !== undefined) {
      const brought = new Map<number, VirtualRegister>();
      for (const register of terminatorUses(end)) {
        if (ids.has(register.id)) brought.set(register.id, bring(register, end.source));
      }
      replaceTerminatorUses(end, (register) => brought.get(register.id) ?? register);
    }
    block.operations.splice(0, block.operations.length, ...rewritten);
  }
  return made;
}

/** Registers written once, by a constant or an address: making those again costs less than a load. */
function cheapRecipes(fn: IrFunction, ids: ReadonlySet<number>): Map<number, Operation> {
  const recipes = new Map<number, Operation>();
  const seen = new Set<number>(fn.parameters.map(({ id }) => id));
  for (const { operations } of fn.blocks) {
    for (const operation of operations) {
      const target = definition(operation);
      if (target === undefined || !ids.has(target.id)) continue;
      const isCheap =
        operation.kind === "mapValue" || (operation.kind === "move" && operation.from.kind !== "register");
      if (isCheap && !seen.has(target.id)) recipes.set(target.id, operation);
      else recipes.delete(target.id);
      seen.add(target.id);
    }
  }
  return recipes;
}

function assignSlots(
  fn: IrFunction,
  ids: readonly number[],
  neighbours: readonly ReadonlySet<number>[],
): Map<number, StackSlot> {
  const slots = new Map<number, StackSlot>();
  const made: StackSlot[] = [];
  for (const id of ids) {
    const taken = new Set([...(neighbours[id] ?? [])].map((other) => slots.get(other)));
    let slot = made.find((candidate) => !taken.has(candidate));
    if (slot === undefined) {
      slot = { kind: "stack", id: fn.slots.length, size: 8 };
      fn.slots.push(slot);
      made.push(slot);
    }
    slots.set(id, slot);
  }
  return slots;
}
