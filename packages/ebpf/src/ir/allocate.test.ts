// Register allocation: no two values that live at once share a register, calls leave nothing behind in r0–r5,
// and code with more values than registers still computes what it should.

import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { disassemble } from "../asm/index.ts";
import { assemble } from "../asm/assemble.ts";
import { allocate } from "./allocate.ts";
import { lower } from "./lower.ts";
import {
  type Block,
  constant,
  definition,
  type IrFunction,
  type Operation,
  terminatorUses,
  uses,
  type VirtualRegister,
} from "./operation.ts";

const register = (id: number): VirtualRegister => ({ kind: "register", id });

/** A function of one block. */
function straight(operations: Operation[], registers: number, result: VirtualRegister, parameters = 0): IrFunction {
  const block: Block = { id: 0, isCold: false, operations, terminator: { kind: "exit", value: result } };
  return {
    name: "f",
    parameters: Array.from({ length: parameters }, (_, id) => register(id)),
    blocks: [block],
    registers,
    slots: [],
  };
}

function text(fn: IrFunction): string {
  return disassemble(assemble(lower(fn).items));
}

describe("who may share a register", () => {
  test("a 64-bit copy and its original", () => {
    const fn = straight(
      [
        { kind: "move", target: register(1), from: register(0), width: 64 },
        { kind: "alu", operator: "add", width: 64, target: register(2), left: register(1), right: register(0) },
      ],
      3,
      register(2),
      1,
    );
    expect(text(fn)).toBe("   0: r0 = r1\n   1: r0 += r1\n   2: exit\n");
  });

  test("a 32-bit copy and its original, only when the original is needed no more", () => {
    const fn = straight(
      [
        { kind: "move", target: register(1), from: register(0), width: 32 },
        { kind: "alu", operator: "add", width: 64, target: register(2), left: register(1), right: register(0) },
      ],
      3,
      register(2),
      1,
    );
    const [whole, low] = allocate(fn);
    expect(whole).not.toBe(low);
  });
});

test("parameters come where they are wanted, the one for r0 too, though r0 is where cycles are broken", () => {
  const slot = { kind: "stack", id: 0, size: 8 } as const;
  const [a, b, c, value, old, result] = [0, 1, 2, 3, 4, 5].map(register) as [
    VirtualRegister,
    VirtualRegister,
    VirtualRegister,
    VirtualRegister,
    VirtualRegister,
    VirtualRegister,
  ];
  const fn = straight(
    [
      { kind: "move", target: value, from: constant(0), width: 64 },
      { kind: "atomic", operator: "cmpxchg", size: 8, base: slot, offset: 0, value, expected: c, target: old },
      { kind: "call", helper: 7, arguments: [b, a], target: result },
    ],
    6,
    result,
    3,
  );
  fn.slots.push(slot);
  const registers = [undefined, "a", "b", "c"] as (string | undefined)[];
  const entry = text(fn).split("\n");
  const moves = entry.slice(
    0,
    entry.findIndex((line) => / = \d+$/.test(line)),
  );
  for (const line of moves) {
    const [, target, from] = /r(\d+) = r(\d+)/.exec(line)!;
    registers[Number(target)] = registers[Number(from)];
  }
  const allocation = allocate(fn);
  expect([a, b, c].map(({ id }) => registers[allocation[id]!])).toEqual(["a", "b", "c"]);
});

/** Straight-line code over registers that were all written before; calls destroy r0–r5. */
const randomCode = fc
  .array(
    fc.record({
      kind: fc.constantFrom("constant", "add", "sub", "cut", "copy", "call", "load", "exchange", "compareExchange"),
      a: fc.nat(40),
      b: fc.nat(40),
      c: fc.nat(40),
    }),
    { minLength: 1, maxLength: 60 },
  )
  .map((steps) => {
    let next = 3;
    const operations = steps.map(({ kind, a, b, c }): Operation => {
      const [x, y, z] = [register(a % next), register(b % next), register(c % next)];
      const target = register(next++);
      const slot = { kind: "stack", id: 0, size: 8 } as const;
      switch (kind) {
        case "constant":
          return { kind: "move", target, from: constant(a), width: 64 };
        case "add":
        case "sub":
          return { kind: "alu", operator: kind, width: 64, target, left: x, right: y };
        case "cut":
          return { kind: "move", target, from: x, width: 32 };
        case "copy":
          return { kind: "move", target, from: x, width: 64 };
        case "call":
          return { kind: "call", helper: 7, arguments: [x, y, z, x, constant(c)], target };
        case "load":
          return { kind: "load", target, base: x, offset: 0, size: 8 };
        case "exchange":
          return { kind: "atomic", operator: "xchg", size: 8, base: slot, offset: 0, value: x, target };
        default:
          return { kind: "atomic", operator: "cmpxchg", size: 8, base: slot, offset: 0, value: x, expected: y, target };
      }
    });
    const fn = straight(operations, next, register(next - 1), 3);
    fn.slots.push({ kind: "stack", id: 0, size: 8 });
    return fn;
  });

const CALL_DESTROYS = [0, 1, 2, 3, 4, 5];
const COMMUTATIVE = ["add", "mul", "and", "or", "xor"];

/** Walks through `fn` with numbered values in place of real ones; spills to the frame are followed. */
function assertValuesSurvive(fn: IrFunction, physical: (id: number) => number): void {
  let fresh = 0;
  const valueOf = new Map<number, number>();
  const held = new Map<number, number>();
  const inSlot = new Map<number, number>();
  const write = (id: number, value: number) => {
    valueOf.set(id, value);
    held.set(physical(id), value);
  };
  for (const { id } of fn.parameters) write(id, fresh++);
  const block = fn.blocks[0]!;
  for (const operation of block.operations) {
    for (const { id } of uses(operation)) expect(held.get(physical(id)), `v${id}`).toBe(valueOf.get(id));
    assertMachineForm(operation, physical);
    if (operation.kind === "call") for (const destroyed of CALL_DESTROYS) held.delete(destroyed);
    if (operation.kind === "store" && operation.base.kind === "stack" && operation.value.kind === "register") {
      inSlot.set(operation.base.id, valueOf.get(operation.value.id)!);
    }
    const target = definition(operation);
    if (target === undefined) continue;
    const isCopy = operation.kind === "move" && operation.width === 64 && operation.from.kind === "register";
    const spilled = operation.kind === "load" && operation.base.kind === "stack" ? operation.base.id : -1;
    const value = isCopy ? valueOf.get((operation.from as VirtualRegister).id) : inSlot.get(spilled);
    write(target.id, value ?? fresh++);
    if (operation.kind === "atomic" && operation.operator === "cmpxchg" && physical(target.id) !== 0) held.delete(0);
  }
  for (const { id } of terminatorUses(block.terminator)) expect(held.get(physical(id))).toBe(valueOf.get(id));
}

/** What two-address instructions and the fixed registers of some demand. */
function assertMachineForm(operation: Operation, physical: (id: number) => number): void {
  if (operation.kind === "alu" && operation.right.kind === "register" && !COMMUTATIVE.includes(operation.operator)) {
    const [target, left, right] = [operation.target, operation.left, operation.right].map(({ id }) => physical(id));
    expect(target === right && left !== right).toBe(false);
  }
  if (operation.kind === "atomic" && operation.operator === "cmpxchg") expect(physical(operation.value.id)).not.toBe(0);
}

describe("random straight-line code", () => {
  test("every read finds the value that was written, in whatever register that was put", () => {
    fc.assert(
      fc.property(randomCode, (fn) => {
        const allocation = allocate(fn);
        assertValuesSurvive(fn, (id) => {
          const physical = allocation[id];
          if (physical === undefined) throw new Error(`v${id} has no register`);
          return physical;
        });
      }),
      { numRuns: 300 },
    );
  });

  test("spills: more values than registers, all kept", () => {
    const count = 30;
    const operations: Operation[] = [];
    for (let id = 0; id < count; id++)
      operations.push({ kind: "call", helper: 7, arguments: [], target: register(id) });
    let sum = register(0);
    for (let id = 1; id < count; id++) {
      const target = register(count + id);
      operations.push({ kind: "alu", operator: "add", width: 64, target, left: sum, right: register(id) });
      sum = target;
    }
    const { frameBytes } = lower(straight(operations, 2 * count, sum));
    expect(frameBytes).toBeGreaterThan(0);
    expect(frameBytes).toBeLessThanOrEqual(count * 8);
  });
});
