// Who must not share a register with whom: the graph that register allocation colours, with what
// calls destroy and what moves would like.

import {
  type Block,
  definition,
  type IrFunction,
  type Operation,
  terminatorUses,
  uses,
  type VirtualRegister,
} from "./operation.ts";
import { liveness } from "./liveness.ts";

/** Arrays are indexed by register id. */
export interface Interference {
  readonly size: number;
  /** Ids that occur at all. */
  readonly nodes: ReadonlySet<number>;
  readonly neighbours: readonly Set<number>[];
  /** Bit n set: physical register n is not for this one. */
  readonly forbidden: number[];
  /** Physical registers that would save a move. */
  readonly wishes: (number[] | undefined)[];
  /** Registers that a move ties this one to. */
  readonly partners: (Set<number> | undefined)[];
  /** What keeping it in the frame would cost: uses and definitions, few in cold blocks. */
  readonly cost: number[];
}

/** r0–r5: what a call leaves undefined (Documentation/bpf/standardization/abi.rst). */
const CALL_CLOBBERS = 0b11_1111;
const COLD_WEIGHT = 0.02;

/** Builds the graph. */
export function interference(fn: IrFunction): Interference {
  const size = fn.registers;
  const graph = {
    size,
    nodes: new Set<number>(),
    neighbours: Array.from({ length: size }, () => new Set<number>()),
    forbidden: new Array<number>(size).fill(0),
    wishes: new Array<number[] | undefined>(size).fill(undefined),
    partners: new Array<Set<number> | undefined>(size).fill(undefined),
    cost: new Array<number>(size).fill(0),
  };
  const live = liveness(fn);
  let entryLive = new Set<number>();
  for (const block of fn.blocks) {
    const atTop = scanBlock(graph, block, live.liveOut(block));
    if (block === fn.blocks[0]) entryLive = atTop;
  }
  fn.parameters.forEach((parameter, index) => {
    graph.nodes.add(parameter.id);
    wish(graph, parameter.id, index + 1);
    // r0 is where the entry's moves break their cycles.
    forbid(graph, [parameter.id], 1);
    for (const other of entryLive) connect(graph, parameter.id, other);
    for (const other of fn.parameters) connect(graph, parameter.id, other.id);
  });
  return graph;
}

function scanBlock(graph: Interference & { nodes: Set<number> }, block: Block, now: Set<number>): Set<number> {
  const weight = block.isCold ? COLD_WEIGHT : 1;
  const touch = ({ id }: VirtualRegister) => {
    graph.nodes.add(id);
    graph.cost[id] = (graph.cost[id] as number) + weight;
  };
  for (const register of terminatorUses(block.terminator)) {
    touch(register);
    now.add(register.id);
  }
  if (block.terminator?.kind === "exit" && block.terminator.value.kind === "register") {
    wish(graph, block.terminator.value.id, 0);
  }
  for (const operation of block.operations.toReversed()) {
    const target = definition(operation);
    if (target !== undefined) {
      touch(target);
      const copied = wholeCopyOf(operation);
      for (const other of now) if (other !== copied) connect(graph, target.id, other);
      now.delete(target.id);
    }
    constrain(graph, operation, now);
    for (const register of uses(operation)) {
      touch(register);
      now.add(register.id);
    }
  }
  return now;
}

/** The register that `operation` copies unchanged: both may live in one place. A 32-bit move cuts its copy. */
function wholeCopyOf(operation: Operation): number {
  const isCopy = operation.kind === "move" && operation.width === 64 && operation.from.kind === "register";
  return isCopy ? (operation.from as VirtualRegister).id : -1;
}

/** What the machine's instructions demand beyond liveness, and which moves they would save. */
function constrain(graph: Interference, operation: Operation, liveAcross: ReadonlySet<number>): void {
  switch (operation.kind) {
    case "call":
    case "callLocal":
      forbid(graph, liveAcross, CALL_CLOBBERS);
      wish(graph, operation.target.id, 0);
      operation.arguments.forEach((argument, index) => {
        if (argument.kind === "register") wish(graph, argument.id, index + 1);
      });
      break;
    case "atomic":
      if (operation.operator === "cmpxchg") {
        forbid(graph, liveAcross, 1);
        forbid(graph, registerIds(operation.base, operation.value), 1);
        if (operation.target !== undefined) wish(graph, operation.target.id, 0);
        if (operation.expected !== undefined) wish(graph, operation.expected.id, 0);
      } else if (operation.target !== undefined && operation.base.kind === "register") {
        connect(graph, operation.target.id, operation.base.id);
      }
      break;
    case "alu": {
      const { target, left, right, operator } = operation;
      partner(graph, target.id, left.id);
      const isCommutative = ["add", "mul", "and", "or", "xor"].includes(operator);
      if (right.kind === "register" && right.id !== left.id && !isCommutative) connect(graph, target.id, right.id);
      break;
    }
    case "move":
    case "swap":
      if (operation.from.kind === "register") partner(graph, operation.target.id, operation.from.id);
      break;
    default:
      break;
  }
}

function connect(graph: Interference, a: number, b: number): void {
  if (a === b) return;
  (graph.neighbours[a] as Set<number>).add(b);
  (graph.neighbours[b] as Set<number>).add(a);
}

function forbid(graph: Interference, ids: Iterable<number>, mask: number): void {
  for (const id of ids) graph.forbidden[id] = (graph.forbidden[id] as number) | mask;
}

function wish(graph: Interference, id: number, register: number): void {
  graph.wishes[id] = [...(graph.wishes[id] ?? []), register];
}

function partner(graph: Interference, a: number, b: number): void {
  (graph.partners[a] ??= new Set()).add(b);
  (graph.partners[b] ??= new Set()).add(a);
}

function registerIds(...operands: { kind: string; id?: number }[]): number[] {
  return operands.flatMap((operand) => (operand.kind === "register" && operand.id !== undefined ? [operand.id] : []));
}
