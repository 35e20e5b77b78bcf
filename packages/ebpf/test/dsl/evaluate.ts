// The reference half of the random programs: what a program must do, computed with bigints and nothing of
// the library. Slow and plain; stage.ts is its twin.

import type { Bits, Body, Condition, Expression, Inputs, RandomProgram, Statement } from "./random-program.ts";
import { CELLS, REASONS, VARIABLES } from "./random-program.ts";

/** Fields of a structure by name. */
export type Values = Record<string, bigint>;

/** Everything that a run may change, and how it ended. */
export interface State {
  verdict: bigint;
  readonly cells: Values[];
  /** By the text `a,b`. */
  readonly table: Map<string, Values>;
  readonly reasons: bigint[];
  global: bigint;
  /** Undefined where the program left before its end. */
  output: { readonly words: readonly bigint[]; readonly wides: readonly bigint[]; readonly record: Values } | undefined;
}

/** What maps hold before each run. */
export function initialState(): State {
  return {
    verdict: -1n,
    cells: Array.from({ length: CELLS }, (_, index) => ({
      word: BigInt(index) * 0x1111_1111n,
      wide: BigInt(index) << 40n,
    })),
    table: new Map([
      ["0,0", { wide: 77n, half: 7n }],
      ["1,1", { wide: 0xffff_ffff_0000_0001n, half: 8n }],
    ]),
    reasons: new Array<bigint>(REASONS).fill(0n),
    global: 0x1_2345_6789n,
    output: undefined,
  };
}

const PASS = 2n;
const DROP = 1n;

/** How a statement ends: it goes on (undefined), leaves the body, or leaves the round of a loop. */
type Outcome = undefined | { readonly kind: "leave"; readonly value: bigint } | { readonly kind: "stop" | "next" };

interface Scope {
  readonly state: State;
  readonly program: RandomProgram;
  readonly isMain: boolean;
  readonly inputs: Readonly<Record<Bits, readonly bigint[]>>;
  readonly variables: Readonly<Record<Bits, bigint[]>>;
  readonly values: Readonly<Record<Bits, bigint[]>>;
  readonly conditions: boolean[];
  readonly record: Values;
  readonly inLoop: boolean;
}

/** Runs `program`, changing `state`. */
export function evaluateProgram(program: RandomProgram, { words, wides }: Inputs, state: State): void {
  const record = { byte: words[0]! & 0xffn, half: 7n, word: words[1]!, wide: wides[0]!, net: 9n };
  const scope = newScope({ program, state, isMain: true, record }, { 32: words, 64: wides });
  const outcome = runAll(program.main.statements, scope);
  state.verdict = outcome?.kind === "leave" ? outcome.value : PASS;
  if (outcome === undefined) state.output = { words: scope.variables[32], wides: scope.variables[64], record };
}

function callFunction(body: Body, bits: Bits, word: bigint, wide: bigint, caller: Scope): bigint {
  const scope = newScope({ ...caller, isMain: false }, { 32: [word], 64: [wide] });
  const outcome = runAll(body.statements, scope);
  return outcome?.kind === "leave" ? outcome.value : value(body.result, bits, scope);
}

function newScope(
  common: Pick<Scope, "program" | "state" | "isMain" | "record">,
  inputs: Readonly<Record<Bits, readonly bigint[]>>,
): Scope {
  const { program, state, isMain, record } = common;
  const variables = (bits: Bits) => Array.from({ length: VARIABLES }, (_, index) => pick(inputs[bits], index));
  return {
    program,
    state,
    isMain,
    record,
    inputs,
    variables: { 32: variables(32), 64: variables(64) },
    values: { 32: [], 64: [] },
    conditions: [],
    inLoop: false,
  };
}

function inner(scope: Scope, inLoop = scope.inLoop): Scope {
  const values = { 32: [...scope.values[32]], 64: [...scope.values[64]] };
  return { ...scope, values, conditions: [...scope.conditions], inLoop };
}

function runAll(statements: readonly Statement[], scope: Scope): Outcome {
  for (const statement of statements) {
    const outcome = run(statement, scope);
    if (outcome !== undefined) return outcome;
  }
  return undefined;
}

function run(statement: Statement, scope: Scope): Outcome {
  switch (statement.kind) {
    case "set":
      scope.variables[statement.bits][statement.index % VARIABLES] = value(statement.value, statement.bits, scope);
      return undefined;
    case "keep":
      scope.values[statement.bits].push(value(statement.value, statement.bits, scope));
      return undefined;
    case "keepCondition":
      scope.conditions.push(holds(statement.condition, scope));
      return undefined;
    case "store": {
      const width = { byte: 8, half: 16, word: 32, wide: 64, net: 32 }[statement.field];
      scope.record[statement.field] = BigInt.asUintN(width, value(statement.value, 64, scope));
      return undefined;
    }
    case "setGlobal":
      scope.state.global = value(statement.value, 64, scope);
      return undefined;
    case "when":
      if (holds(statement.condition, scope)) return runAll(statement.yes, inner(scope));
      return statement.no === null ? undefined : runAll(statement.no, inner(scope));
    case "repeat":
      return repeat(statement, scope);
    case "stop":
    case "next":
      return scope.inLoop && holds(statement.condition, scope) ? { kind: statement.kind } : undefined;
    case "leave":
      return leave(statement, scope);
    case "cell":
      cell(statement, scope);
      return undefined;
    case "table":
      table(statement, scope);
      return undefined;
  }
}

function repeat({ atMost, times, body }: Statement & { kind: "repeat" }, scope: Scope): Outcome {
  const wanted = times === null ? BigInt(atMost) : value(times, 32, scope);
  for (let index = 0n; index < BigInt(atMost) && index < wanted; index++) {
    const within = inner(scope, true);
    within.values[32].push(index);
    const outcome = runAll(body, within);
    if (outcome?.kind === "leave") return outcome;
    if (outcome?.kind === "stop") break;
  }
  return undefined;
}

function leave({ condition, how, code }: Statement & { kind: "leave" }, scope: Scope): Outcome {
  if (holds(condition, scope)) return undefined;
  if (!scope.isMain) return { kind: "leave", value: BigInt(code) };
  if (how === "pass") return { kind: "leave", value: PASS };
  const reason = how === "drop" ? code : Number(pick(scope.inputs[32], code) & BigInt(REASONS - 1));
  scope.state.reasons[reason]!++;
  return { kind: "leave", value: DROP };
}

function cell(statement: Statement & { kind: "cell" }, scope: Scope): void {
  const { operation, bits } = statement;
  const at = Number(value(statement.at, 32, scope) & 7n);
  const operand = value(statement.value, bits, scope);
  const expected = value(statement.expected, bits, scope);
  const found = scope.state.cells[at];
  if (found === undefined) return;
  const field = bits === 32 ? "word" : "wide";
  const before = found[field]!;
  const after = {
    read: before,
    write: operand,
    add: before + operand,
    fetchAdd: before + operand,
    fetchOr: before | operand,
    fetchAnd: before & operand,
    exchange: operand,
    compareExchange: before === expected ? operand : before,
  }[operation];
  found[field] = BigInt.asUintN(bits, after);
  if (operation !== "write" && operation !== "add") scope.variables[bits][statement.variable % VARIABLES] = before;
}

function table(statement: Statement & { kind: "table" }, scope: Scope): void {
  const { operation, variable } = statement;
  const a = value(statement.a, 32, scope) & 1n;
  const b = value(statement.b, 32, scope) & 1n;
  const operand = value(statement.value, 64, scope);
  const key = `${a},${b}`;
  const entries = scope.state.table;
  const entry = entries.get(key);
  const words = scope.variables[32];
  if (operation === "lookup") {
    if (entry === undefined) words[variable % VARIABLES] = 0n;
    else {
      scope.variables[64][variable % VARIABLES] = entry["wide"]!;
      entry["wide"] = operand;
    }
    return;
  }
  const mayChange = operation === "any" || (entry === undefined) === (operation === "create");
  words[variable % VARIABLES] = mayChange ? 1n : 2n;
  if (operation === "delete") entries.delete(key);
  else if (mayChange) entries.set(key, { wide: operand, half: operand & 0xffffn });
}

/** Unsigned, below two to the power of `bits`. */
function value(expression: Expression, bits: Bits, scope: Scope): bigint {
  const same = (of: Expression) => value(of, bits, scope);
  switch (expression.kind) {
    case "constant":
      return expression.value;
    case "input":
      return pick(scope.inputs[bits], expression.index);
    case "variable":
      return pick(scope.variables[bits], expression.index);
    case "value":
      return pick(scope.values[bits].length > 0 ? scope.values[bits] : scope.inputs[bits], expression.index);
    case "field":
      return BigInt.asUintN(bits, scope.record[expression.field]!);
    case "global":
      return BigInt.asUintN(bits, scope.state.global);
    case "binary": {
      const left = same(expression.left);
      const right = typeof expression.right === "bigint" ? expression.right : same(expression.right);
      return arithmetic(expression.operator, left, right, bits);
    }
    case "narrow":
      return BigInt.asUintN(expression.to, same(expression.of));
    case "convert":
      return BigInt.asUintN(bits, value(expression.of, bits === 64 ? 32 : 64, scope));
    case "swap": {
      const isHalf = bits === 32 && expression.of.kind === "narrow" && expression.of.to === 16;
      return swap(same(expression.of), isHalf ? 16 : bits);
    }
    case "choose": {
      const condition = holds(expression.condition, scope);
      const yes = same(expression.yes);
      const no = same(expression.no);
      return condition ? yes : no;
    }
    case "call": {
      const word = value(expression.word, 32, scope);
      const wide = value(expression.wide, 64, scope);
      return callFunction(scope.program.functions[bits], bits, word, wide, scope);
    }
  }
}

function arithmetic(operator: string, a: bigint, b: bigint, bits: Bits): bigint {
  const distance = b % BigInt(bits);
  const results: Record<string, () => bigint> = {
    add: () => a + b,
    sub: () => a - b,
    mul: () => a * b,
    div: () => (b === 0n ? 0n : a / b),
    mod: () => (b === 0n ? a : a % b),
    and: () => a & b,
    or: () => a | b,
    xor: () => a ^ b,
    shl: () => a << distance,
    shr: () => a >> distance,
  };
  return BigInt.asUintN(bits, results[operator]!());
}

function holds(condition: Condition, scope: Scope): boolean {
  switch (condition.kind) {
    case "compare": {
      const left = value(condition.left, condition.bits, scope);
      const { right } = condition;
      const other = typeof right === "bigint" ? right : value(right, condition.bits, scope);
      return {
        eq: left === other,
        ne: left !== other,
        lt: left < other,
        le: left <= other,
        gt: left > other,
        ge: left >= other,
      }[condition.operator];
    }
    case "sameInNetworkOrder": {
      const left = value(condition.left, 32, scope);
      return left === (typeof condition.right === "bigint" ? condition.right : value(condition.right, 32, scope));
    }
    case "negative":
      return BigInt.asIntN(condition.bits, value(condition.of, condition.bits, scope)) < 0n;
    case "and":
    case "or": {
      const left = holds(condition.left, scope);
      const right = holds(condition.right, scope);
      return condition.kind === "and" ? left && right : left || right;
    }
    case "not":
      return !holds(condition.of, scope);
    case "kept":
      return scope.conditions.length > 0 ? pick(scope.conditions, condition.index) : pick(scope.inputs[32], 0) === 0n;
  }
}

function swap(number: bigint, bits: number): bigint {
  return BigInt(
    `0x${number
      .toString(16)
      .padStart(bits / 4, "0")
      .match(/../g)!
      .reverse()
      .join("")}`,
  );
}

function pick<T>(list: readonly T[], index: number): T {
  return list[index % list.length] as T;
}
