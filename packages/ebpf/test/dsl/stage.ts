// The staging half of the random programs: data in, DSL calls out. evaluate.ts says what must come of it.

import {
  arrayMap,
  atomic,
  be32,
  type Bool,
  choose,
  compile,
  drop,
  fn,
  global,
  guard,
  hashMap,
  type Int,
  type Loop,
  pass,
  type ProgramSpec,
  type Reference,
  repeat,
  stack,
  struct,
  u16,
  u32,
  u64,
  u8,
  type Variable,
  variable,
  when,
  xdp,
} from "@yardmaster/ebpf";
import type { Bits, Body, Condition, Expression, RandomProgram, Statement } from "./random-program.ts";
import { CELLS, REASONS, VARIABLES } from "./random-program.ts";

export const Input = struct("input", { w0: u32, w1: u32, w2: u32, pad: u32, x0: u64, x1: u64, x2: u64 });
export const Record = struct("record", { byte: u8, half: u16, word: u32, wide: u64, net: be32 });
export const Cell = struct("cell", { word: u32, wide: u64 });
export const Output = struct("output", { w0: u32, w1: u32, w2: u32, x0: u64, x1: u64, x2: u64, record: Record });
/** With padding between and behind its fields. */
export const TableKey = struct("table_key", { b: u8, a: u32, c: u8 });
export const TableValue = struct("table_value", { wide: u64, half: u16 });
const Global = struct("global_data", { wide: u64 });
const Counter = struct("counter", { count: u64 });

export const cells = arrayMap("cells", Cell, CELLS);
export const table = hashMap("table", TableKey, TableValue, 64);
export const output = arrayMap("output", Output, 1);
export const reasons = arrayMap("reasons", Counter, REASONS);
export const globalData = global("global", Global);

type Functions = Readonly<Record<Bits, (args: { word: Int<"u32">; wide: Int<"u64">; record: RecordReference }) => Int>>;
type RecordReference = Reference<(typeof Record)["fields"]>;

/** What a body can see; `values` and `conditions` are of the scope, the rest of the whole function. */
interface Scope {
  readonly inputs: Readonly<Record<Bits, readonly Int[]>>;
  readonly variables: Readonly<Record<Bits, readonly Variable<Int>[]>>;
  readonly values: Readonly<Record<Bits, Int[]>>;
  readonly conditions: Bool[];
  readonly record: RecordReference;
  readonly functions: Functions | undefined;
  readonly loop: Loop | undefined;
}

/** Compiles `program`; the same data gives the same bytes. */
export function stageProgram(program: RandomProgram): ProgramSpec {
  const parameters = { word: u32, wide: u64, record: Record };
  const functions: Functions = {
    32: fn("f32", parameters, u32, (args) => stageFunction(program.functions[32], args, 32) as Int<"u32">),
    64: fn("f64", parameters, u64, (args) => stageFunction(program.functions[64], args, 64) as Int<"u64">),
  };
  const definition = xdp(
    "random",
    (packet) => {
      const input = packet.read(Input).orPass();
      const words = [input.w0, input.w1, input.w2];
      const wides = [input.x0, input.x1, input.x2];
      const record = stack(Record, { byte: words[0]!.toU8(), half: 7, word: words[1]!, wide: wides[0]!, net: 9 });
      const scope = newScope({ 32: words, 64: wides }, record, functions);
      stageAll(program.main.statements, scope);
      const out = output.lookup(0).orPass();
      out.w0 = scope.variables[32][0]!.get() as Int<"u32">;
      out.w1 = scope.variables[32][1]!.get() as Int<"u32">;
      out.w2 = scope.variables[32][2]!.get() as Int<"u32">;
      out.x0 = scope.variables[64][0]!.get() as Int<"u64">;
      out.x1 = scope.variables[64][1]!.get() as Int<"u64">;
      out.x2 = scope.variables[64][2]!.get() as Int<"u64">;
      out.record = record;
      return pass();
    },
    { count: (reason) => reasons.lookup(reason).then((counter) => atomic(counter, Counter, "count").add(1)) },
  );
  return compile(definition);
}

function stageFunction(body: Body, args: Parameters<Functions[32]>[0], bits: Bits): Int {
  const scope = newScope({ 32: [args.word], 64: [args.wide] }, args.record, undefined);
  stageAll(body.statements, scope);
  return stageExpression(body.result, bits, scope);
}

function newScope(inputs: Scope["inputs"], record: RecordReference, functions: Functions | undefined): Scope {
  const variables = (bits: Bits) =>
    Array.from({ length: VARIABLES }, (_, index) =>
      variable(inputs[bits][index % inputs[bits].length] as Int<"u64">),
    ) as unknown as Variable<Int>[];
  return {
    inputs,
    variables: { 32: variables(32), 64: variables(64) },
    values: { 32: [], 64: [] },
    conditions: [],
    record,
    functions,
    loop: undefined,
  };
}

/** What is made inside of a branch is not seen outside of it. */
function inner(scope: Scope, loop = scope.loop): Scope {
  const values = { 32: [...scope.values[32]], 64: [...scope.values[64]] };
  return { ...scope, values, conditions: [...scope.conditions], loop };
}

function stageAll(statements: readonly Statement[], scope: Scope): void {
  for (const statement of statements) stageStatement(statement, scope);
}

function stageStatement(statement: Statement, scope: Scope): void {
  switch (statement.kind) {
    case "set":
      pick(scope.variables[statement.bits], statement.index).set(
        stageExpression(statement.value, statement.bits, scope),
      );
      break;
    case "keep":
      scope.values[statement.bits].push(stageExpression(statement.value, statement.bits, scope));
      break;
    case "keepCondition":
      scope.conditions.push(stageCondition(statement.condition, scope));
      break;
    case "store":
      storeField(scope.record, statement.field, stageExpression(statement.value, 64, scope));
      break;
    case "setGlobal":
      globalData.value.wide = stageExpression(statement.value, 64, scope) as Int<"u64">;
      break;
    case "when": {
      const { condition, yes, no, isRare } = statement;
      const branch = when(stageCondition(condition, scope), () => stageAll(yes, inner(scope)), { isRare });
      if (no !== null) branch.otherwise(() => stageAll(no, inner(scope)));
      break;
    }
    case "repeat": {
      const { atMost, times, body } = statement;
      const bound = times === null ? atMost : { times: stageExpression(times, 32, scope), atMost };
      repeat(bound, (index, loop) => {
        const within = inner(scope, loop);
        within.values[32].push(index);
        stageAll(body, within);
      });
      break;
    }
    case "stop":
    case "next": {
      const { loop } = scope;
      if (loop !== undefined) when(stageCondition(statement.condition, scope), () => loop[statement.kind]());
      break;
    }
    case "leave":
      stageLeave(statement, scope);
      break;
    case "cell":
      stageCell(statement, scope);
      break;
    case "table":
      stageTable(statement, scope);
      break;
  }
}

function stageLeave({ condition, how, code }: Statement & { kind: "leave" }, scope: Scope): void {
  const goesOn = guard(stageCondition(condition, scope));
  if (scope.functions === undefined) goesOn.orReturn(code);
  else if (how === "pass") goesOn.orPass();
  else if (how === "drop") goesOn.orDrop({ name: `reason ${code}`, code });
  else goesOn.orLeave(drop(pick(scope.inputs[32], code).and(REASONS - 1) as Int<"u32">));
}

function stageCell(statement: Statement & { kind: "cell" }, scope: Scope): void {
  const { operation, bits } = statement;
  const target = pick(scope.variables[bits], statement.variable);
  const at = stageExpression(statement.at, 32, scope).and(7);
  const value = stageExpression(statement.value, bits, scope);
  const expected = stageExpression(statement.expected, bits, scope);
  cells.lookup(at).then((cell) => {
    if (operation === "read") target.set(bits === 32 ? cell.word : cell.wide);
    else if (operation === "write") {
      if (bits === 32) cell.word = value.toU32();
      else cell.wide = value as Int<"u64">;
    } else {
      const field = bits === 32 ? atomic(cell, Cell, "word") : atomic(cell, Cell, "wide");
      if (operation === "add") field.add(value);
      else if (operation === "compareExchange") target.set(field.compareExchange(expected, value));
      else target.set(field[operation](value));
    }
  });
}

function stageTable(statement: Statement & { kind: "table" }, scope: Scope): void {
  const { operation } = statement;
  const a = stageExpression(statement.a, 32, scope).and(1).toU32();
  const b = stageExpression(statement.b, 32, scope).and(1).toU8();
  const value = stageExpression(statement.value, 64, scope) as Int<"u64">;
  const key = { a, b, c: 5 };
  const word = pick(scope.variables[32], statement.variable);
  const wide = pick(scope.variables[64], statement.variable);
  if (operation === "lookup") {
    table
      .lookup(key)
      .then((entry) => {
        wide.set(entry.wide);
        entry.wide = value;
      })
      .otherwise(() => word.set(u32(0)));
    return;
  }
  const result =
    operation === "delete" ? table.delete(key) : table.update(key, { wide: value, half: value.toU16() }, operation);
  word.set(choose(result.eq(0), u32(1), u32(2)));
}

function stageExpression(expression: Expression, bits: Bits, scope: Scope): Int {
  const same = (of: Expression) => stageExpression(of, bits, scope);
  const fit = (value: Int): Int => (bits === 64 ? value.toU64() : value.kind === "u64" ? value.toU32() : value);
  switch (expression.kind) {
    case "constant":
      return bits === 64 ? u64(expression.value) : u32(expression.value);
    case "input":
      return pick(scope.inputs[bits], expression.index);
    case "variable":
      return pick(scope.variables[bits], expression.index).get();
    case "value":
      return pick(scope.values[bits].length > 0 ? scope.values[bits] : scope.inputs[bits], expression.index);
    case "field":
      return fit(expression.field === "net" ? scope.record.net.toHost() : scope.record[expression.field]);
    case "global":
      return fit(globalData.value.wide);
    case "binary": {
      const left = same(expression.left);
      const right = typeof expression.right === "bigint" ? expression.right : same(expression.right);
      return left[expression.operator](right);
    }
    case "narrow": {
      const value = same(expression.of);
      return fit(expression.to === 8 ? value.toU8() : value.toU16());
    }
    case "convert":
      return bits === 64
        ? stageExpression(expression.of, 32, scope).toU64()
        : stageExpression(expression.of, 64, scope).toU32();
    case "swap": {
      const { of } = expression;
      const value = same(of);
      if (bits === 64) return value.toU64().toNet().raw();
      return of.kind === "narrow" && of.to === 16 ? value.toU16().toNet().raw() : value.toU32().toNet().raw();
    }
    case "choose": {
      const condition = stageCondition(expression.condition, scope);
      const [yes, no] = [same(expression.yes), same(expression.no)];
      return bits === 64 ? choose(condition, yes.toU64(), no.toU64()) : choose(condition, yes.toU32(), no.toU32());
    }
    case "call": {
      const word = stageExpression(expression.word, 32, scope).toU32();
      const wide = stageExpression(expression.wide, 64, scope) as Int<"u64">;
      if (scope.functions === undefined) throw new Error("functions call no functions here");
      return scope.functions[bits]({ word, wide, record: scope.record });
    }
  }
}

function stageCondition(condition: Condition, scope: Scope): Bool {
  switch (condition.kind) {
    case "compare": {
      const left = stageExpression(condition.left, condition.bits, scope);
      const { right } = condition;
      return left[condition.operator](
        typeof right === "bigint" ? right : stageExpression(right, condition.bits, scope),
      );
    }
    case "sameInNetworkOrder": {
      const left = stageExpression(condition.left, 32, scope).toU32().toNet();
      const { right } = condition;
      return left.eq(typeof right === "bigint" ? right : stageExpression(right, 32, scope).toU32().toNet());
    }
    case "negative":
      return condition.bits === 32
        ? stageExpression(condition.of, 32, scope).toU32().isNegative()
        : stageExpression(condition.of, 64, scope).toU64().isNegative();
    case "and":
    case "or":
      return stageCondition(condition.left, scope)[condition.kind](stageCondition(condition.right, scope));
    case "not":
      return stageCondition(condition.of, scope).not();
    case "kept":
      return scope.conditions.length > 0 ? pick(scope.conditions, condition.index) : pick(scope.inputs[32], 0).eq(0);
  }
}

function storeField(record: RecordReference, field: keyof typeof Record.fields, value: Int): void {
  if (field === "byte") record.byte = value.toU8();
  else if (field === "half") record.half = value.toU16();
  else if (field === "word") record.word = value.toU32();
  else if (field === "net") record.net = value.toU32().toNet();
  else record.wide = value.toU64();
}

function pick<T>(list: readonly T[], index: number): T {
  return list[index % list.length] as T;
}
