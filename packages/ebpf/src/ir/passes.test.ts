// What the passes may leave out and what not, and the analyses that they and the compiler rest on.

import { describe, expect, test } from "vitest";
import { calledFunctions, deepestChain } from "./call-graph.ts";
import { liveness } from "./liveness.ts";
import {
  type Block,
  constant,
  type IrFunction,
  type Operation,
  type Terminator,
  type VirtualRegister,
} from "./operation.ts";
import { optimise } from "./passes.ts";
import { undefinedRead } from "./undefined-read.ts";

const register = (id: number): VirtualRegister => ({ kind: "register", id });
const [v0, v1, v2, v3] = [0, 1, 2, 3].map(register) as [
  VirtualRegister,
  VirtualRegister,
  VirtualRegister,
  VirtualRegister,
];
const slot = { kind: "stack", id: 0, size: 8 } as const;
const at = (line: number) => ({ file: "f.ts", line, column: 1 });

const set = (target: VirtualRegister, value: number, line = 1): Operation => ({
  kind: "move",
  target,
  from: constant(value),
  width: 64,
  source: at(line),
});
const copy = (target: VirtualRegister, from: VirtualRegister, width: 32 | 64 = 64): Operation => ({
  kind: "move",
  target,
  from,
  width,
});
const store = (value: VirtualRegister): Operation => ({ kind: "store", base: slot, offset: 0, size: 8, value });
const load = (target: VirtualRegister): Operation => ({ kind: "load", target, base: slot, offset: 0, size: 8 });
const call = (target: VirtualRegister): Operation => ({ kind: "call", helper: 7, arguments: [], target });

function block(id: number, operations: Operation[], terminator?: Terminator): Block {
  return { id, isCold: false, operations, terminator };
}

function fn(blocks: Block[], parameters: VirtualRegister[] = []): IrFunction {
  return { name: "f", parameters, blocks, registers: 4, slots: [{ ...slot }] };
}

const exit = (value: VirtualRegister): Terminator => ({ kind: "exit", value, source: at(99) });
const jump = (target: Block): Terminator => ({ kind: "jump", target });
const branch = (left: VirtualRegister, whenTrue: Block, whenFalse: Block): Terminator => ({
  kind: "branch",
  condition: { operator: "jeq", width: 64, left, right: constant(0) },
  whenTrue,
  whenFalse,
});

/** The operations that are left, block after block. */
function optimised(blocks: Block[]): Operation[][] {
  const built = fn(blocks, [v0]);
  optimise(built);
  return built.blocks.map(({ operations }) => operations);
}

describe("passes", () => {
  test("values that nobody reads are not computed, loads among them; what others see stays", () => {
    expect(optimised([block(0, [set(v1, 1), load(v2), call(v3), store(v0)], exit(v0))])).toEqual([
      [call(v3), store(v0)],
    ]);
  });

  test("a variable's last write before it is written again is not dead where a loop reads it", () => {
    const [head, body, end] = [block(1, []), block(2, [store(v1), set(v1, 2)]), block(3, [])];
    head.terminator = branch(v0, body, end);
    body.terminator = jump(head);
    end.terminator = exit(v0);
    expect(optimised([block(0, [set(v1, 1)], jump(head)), head, body, end]).flat()).toContainEqual(set(v1, 2));
  });

  test("copies are read through, until either side changes; 32-bit copies are none", () => {
    expect(optimised([block(0, [copy(v1, v0), store(v1)], exit(v1))])).toEqual([[store(v0)]]);
    const changed = [copy(v1, v0), set(v0, 5), store(v1), store(v0)];
    expect(optimised([block(0, [...changed], exit(v0))])).toEqual([changed]);
    const cut = [copy(v1, v0, 32), store(v1)];
    expect(optimised([block(0, [...cut], exit(v0))])).toEqual([cut]);
  });

  test("blocks that nothing reaches are left out, jumps to jumps go on, one way is one block", () => {
    const end = block(3, [store(v0)], exit(v0));
    const onward = block(1, [], jump(end));
    const unreached = block(2, [set(v1, 1)], jump(end));
    expect(optimised([block(0, [load(v1), store(v1)], jump(onward)), onward, unreached, end])).toEqual([
      [load(v1), store(v1), store(v0)],
    ]);
  });
});

test("liveness goes round loops", () => {
  const [head, body, end] = [block(1, []), block(2, [store(v1)]), block(3, [])];
  head.terminator = branch(v0, body, end);
  body.terminator = jump(head);
  end.terminator = exit(v2);
  const entry = block(0, [set(v1, 1), set(v2, 2)], jump(head));
  const live = liveness(fn([entry, head, body, end], [v0]));
  const ids = (of: Block) => [...live.liveOut(of)].toSorted((a, b) => a - b);
  expect(ids(entry)).toEqual([0, 1, 2]);
  expect(ids(body)).toEqual([0, 1, 2]);
  expect(ids(end)).toEqual([]);
});

describe("reads of what may not be there", () => {
  const diamond = (yes: Operation[], no: Operation[]) => {
    const after = block(3, [], exit(v1));
    const [left, right] = [block(1, yes, jump(after)), block(2, no, jump(after))];
    return fn([block(0, [], branch(v0, left, right)), left, right, after], [v0]);
  };

  test("written on one of two ways", () => {
    expect(undefinedRead(diamond([set(v1, 1, 4)], []))).toEqual({ readAt: at(99), madeAt: at(4) });
    expect(undefinedRead(diamond([], []))).toEqual({ readAt: at(99), madeAt: undefined });
  });

  test("written on both, or a parameter", () => {
    expect(undefinedRead(diamond([set(v1, 1)], [set(v1, 2)]))).toBeUndefined();
    expect(undefinedRead(fn([block(0, [], exit(v0))], [v0]))).toBeUndefined();
  });
});

describe("calls", () => {
  const calling = (name: string, ...callees: string[]): IrFunction => ({
    ...fn([
      block(
        0,
        callees.map((callee): Operation => ({ kind: "callLocal", callee, arguments: [], target: v1 })),
        exit(v1),
      ),
    ]),
    name,
  });
  const callingBack: IrFunction = {
    ...fn([
      block(0, [{ kind: "call", helper: 181, arguments: [{ kind: "function", name: "leaf" }], target: v1 }], exit(v1)),
    ]),
    name: "loop",
  };

  test("functions that nobody calls are left out; those handed to helpers are called", () => {
    const program = [calling("main", "loop"), calling("leaf"), callingBack, calling("orphan", "leaf")];
    expect(calledFunctions(program).map(({ name }) => name)).toEqual(["main", "leaf", "loop"]);
  });

  test("the deepest chain is the one with the largest frames, each rounded up to 32 bytes", () => {
    const program = [calling("main", "a", "b"), calling("a", "c"), calling("b"), calling("c")];
    const frames: Record<string, number> = { main: 8, a: 0, b: 200, c: 33 };
    expect(deepestChain(program, ({ name }) => frames[name] ?? 0)).toEqual({
      names: ["main", "b"],
      frames: [32, 224],
      bytes: 32 + 224,
    });
    frames["b"] = 0;
    expect(deepestChain(program, ({ name }) => frames[name] ?? 0).names).toEqual(["main", "a", "c"]);
  });
});
