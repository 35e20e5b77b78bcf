// Random programs as plain data: what the staging half (stage.ts) turns into DSL calls and the reference
// half (evaluate.ts) computes with bigints. Whatever is written here runs and ends, in both.

import fc from "fast-check";

/** Bits that an expression computes in. */
export type Bits = 32 | 64;
export const OPERATORS = ["add", "sub", "mul", "div", "mod", "and", "or", "xor", "shl", "shr"] as const;
export const COMPARISONS = ["eq", "ne", "lt", "le", "gt", "ge"] as const;
export const FIELDS = ["byte", "half", "word", "wide", "net"] as const;
export const CELL_OPERATIONS = [
  "read",
  "write",
  "add",
  "fetchAdd",
  "fetchOr",
  "fetchAnd",
  "exchange",
  "compareExchange",
] as const;
export const TABLE_OPERATIONS = ["lookup", "any", "create", "replace", "delete"] as const;

/** `index` counts modulo what is there at that place: inputs, variables, values made before in this scope. */
export type Expression =
  | { readonly kind: "constant"; readonly value: bigint }
  | { readonly kind: "input" | "variable" | "value"; readonly index: number }
  | { readonly kind: "field"; readonly field: (typeof FIELDS)[number] }
  | { readonly kind: "global" }
  | {
      readonly kind: "binary";
      readonly operator: (typeof OPERATORS)[number];
      readonly left: Expression;
      readonly right: Expression | bigint;
    }
  | { readonly kind: "narrow"; readonly to: 8 | 16; readonly of: Expression }
  | { readonly kind: "convert"; readonly of: Expression }
  | { readonly kind: "swap"; readonly of: Expression }
  | { readonly kind: "choose"; readonly condition: Condition; readonly yes: Expression; readonly no: Expression }
  | { readonly kind: "call"; readonly word: Expression; readonly wide: Expression };

export type Condition =
  | {
      readonly kind: "compare";
      readonly bits: Bits;
      readonly operator: (typeof COMPARISONS)[number];
      readonly left: Expression;
      readonly right: Expression | bigint;
    }
  | { readonly kind: "sameInNetworkOrder"; readonly left: Expression; readonly right: Expression | bigint }
  | { readonly kind: "negative"; readonly bits: Bits; readonly of: Expression }
  | { readonly kind: "and" | "or"; readonly left: Condition; readonly right: Condition }
  | { readonly kind: "not"; readonly of: Condition }
  | { readonly kind: "kept"; readonly index: number };

export type Statement =
  | { readonly kind: "set" | "keep"; readonly bits: Bits; readonly index: number; readonly value: Expression }
  | { readonly kind: "keepCondition"; readonly condition: Condition }
  | { readonly kind: "store"; readonly field: (typeof FIELDS)[number]; readonly value: Expression }
  | { readonly kind: "setGlobal"; readonly value: Expression }
  | {
      readonly kind: "when";
      readonly condition: Condition;
      readonly isRare: boolean;
      readonly yes: readonly Statement[];
      readonly no: readonly Statement[] | null;
    }
  | {
      readonly kind: "repeat";
      readonly atMost: number;
      readonly times: Expression | null;
      readonly body: readonly Statement[];
    }
  | { readonly kind: "stop" | "next"; readonly condition: Condition }
  | {
      readonly kind: "leave";
      readonly condition: Condition;
      readonly how: "pass" | "drop" | "reason";
      readonly code: number;
    }
  | {
      readonly kind: "cell";
      readonly operation: (typeof CELL_OPERATIONS)[number];
      readonly bits: Bits;
      readonly at: Expression;
      readonly value: Expression;
      readonly expected: Expression;
      readonly variable: number;
    }
  | {
      readonly kind: "table";
      readonly operation: (typeof TABLE_OPERATIONS)[number];
      readonly a: Expression;
      readonly b: Expression;
      readonly value: Expression;
      readonly variable: number;
    };

/** A body and what it ends with: the result of a function, of no matter in the program itself. */
export interface Body {
  readonly statements: readonly Statement[];
  readonly result: Expression;
}

export interface RandomProgram {
  readonly main: Body;
  /** Called with a 32-bit and a 64-bit value and the caller's structure; gives 32 and 64 bits. */
  readonly functions: { readonly 32: Body; readonly 64: Body };
}

/** How many there are of each kind of thing that expressions name by index. */
export const VARIABLES = 3;
export const INPUTS = 3;
export const CELLS = 6;
export const REASONS = 4;

const EDGES = [
  0n,
  1n,
  2n,
  31n,
  32n,
  33n,
  63n,
  64n,
  0xffn,
  0x100n,
  0xffffn,
  0x1_0000n,
  0x7fff_ffffn,
  0x8000_0000n,
  0xffff_ffffn,
];
const WIDE_EDGES = [
  0x1_0000_0000n,
  0x7fff_ffff_ffff_ffffn,
  0x8000_0000_0000_0000n,
  0xffff_ffff_8000_0000n,
  0xffff_ffff_ffff_ffffn,
];
const number32 = fc.oneof(fc.constantFrom(...EDGES), fc.bigInt(0n, 0xffff_ffffn));
const number64 = fc.oneof(fc.constantFrom(...EDGES, ...WIDE_EDGES), fc.bigInt(0n, 0xffff_ffff_ffff_ffffn));
const index = fc.nat(11);

/** Nothing in a tree is deeper than this many levels. */
const DEPTH = { maxDepth: 4, depthSize: "small" } as const;

function grammar(options: { readonly mayCall: boolean }) {
  return fc.letrec<{
    e32: Expression;
    e64: Expression;
    condition: Condition;
    statement: Statement;
    statements: Statement[];
  }>((tie) => {
    const leaves = (constants: fc.Arbitrary<bigint>) => [
      fc.record({ kind: fc.constantFrom("input" as const, "variable" as const, "value" as const), index }),
      fc.record({ kind: fc.constant("constant" as const), value: constants }),
      fc.record({ kind: fc.constant("field" as const), field: fc.constantFrom(...FIELDS) }),
    ];
    const expressions = (
      self: fc.Arbitrary<Expression>,
      other: fc.Arbitrary<Expression>,
      literals: fc.Arbitrary<bigint>,
    ) =>
      fc.oneof(
        { ...DEPTH, depthIdentifier: "expression" },
        ...leaves(literals),
        fc.record({
          kind: fc.constant("binary" as const),
          operator: fc.constantFrom(...OPERATORS),
          left: self,
          right: fc.oneof(self, literals),
        }),
        fc.record({
          kind: fc.constant("binary" as const),
          operator: fc.constantFrom(...OPERATORS),
          left: self,
          right: self,
        }),
        fc.record({ kind: fc.constant("narrow" as const), to: fc.constantFrom(8 as const, 16 as const), of: self }),
        fc.record({ kind: fc.constant("convert" as const), of: other }),
        fc.record({ kind: fc.constant("swap" as const), of: self }),
        fc.record({ kind: fc.constant("choose" as const), condition: tie("condition"), yes: self, no: self }),
        fc.record({ kind: fc.constant("global" as const) }),
        ...(options.mayCall
          ? [fc.record({ kind: fc.constant("call" as const), word: tie("e32"), wide: tie("e64") })]
          : []),
      );
    const comparison = (width: Bits, operand: fc.Arbitrary<Expression>, literals: fc.Arbitrary<bigint>) =>
      fc.record({
        kind: fc.constant("compare" as const),
        bits: fc.constant(width),
        operator: fc.constantFrom(...COMPARISONS),
        left: operand,
        right: fc.oneof(operand, literals),
      });
    const e32 = tie("e32");
    const e64 = tie("e64");
    const condition = tie("condition");
    const body = tie("statements");
    const ofWidth = <T>(make: (width: Bits, value: fc.Arbitrary<Expression>) => fc.Arbitrary<T>) =>
      fc.oneof(make(32, e32), make(64, e64));
    return {
      e32: expressions(e32, e64, number32),
      e64: expressions(e64, e32, number64),
      condition: fc.oneof(
        { ...DEPTH, depthIdentifier: "expression" },
        comparison(32, e32, number32),
        comparison(64, e64, number64),
        fc.record({ kind: fc.constant("kept" as const), index }),
        fc.record({
          kind: fc.constant("sameInNetworkOrder" as const),
          left: e32,
          right: fc.oneof(e32, number32),
        }),
        ofWidth((width, of) => fc.record({ kind: fc.constant("negative" as const), bits: fc.constant(width), of })),
        fc.record({ kind: fc.constantFrom("and" as const, "or" as const), left: condition, right: condition }),
        fc.record({ kind: fc.constant("not" as const), of: condition }),
      ),
      statement: fc.oneof(
        { maxDepth: 3, depthSize: "small", depthIdentifier: "statement" },
        ofWidth((width, value) =>
          fc.record({ kind: fc.constantFrom("set" as const, "keep" as const), bits: fc.constant(width), index, value }),
        ),
        fc.record({ kind: fc.constant("keepCondition" as const), condition }),
        fc.record({ kind: fc.constant("store" as const), field: fc.constantFrom(...FIELDS), value: e64 }),
        fc.record({ kind: fc.constant("setGlobal" as const), value: e64 }),
        fc.record({
          kind: fc.constant("leave" as const),
          condition,
          how: fc.constantFrom("pass" as const, "drop" as const, "reason" as const),
          code: fc.nat(REASONS - 1),
        }),
        fc.record({ kind: fc.constantFrom("stop" as const, "next" as const), condition }),
        ofWidth((width, value) =>
          fc.record({
            kind: fc.constant("cell" as const),
            operation: fc.constantFrom(...CELL_OPERATIONS),
            bits: fc.constant(width),
            at: e32,
            value,
            expected: value,
            variable: index,
          }),
        ),
        fc.record({
          kind: fc.constant("table" as const),
          operation: fc.constantFrom(...TABLE_OPERATIONS),
          a: e32,
          b: e32,
          value: e64,
          variable: index,
        }),
        fc.record({
          kind: fc.constant("when" as const),
          condition,
          isRare: fc.boolean(),
          yes: body,
          no: fc.option(body),
        }),
        fc.record({
          kind: fc.constant("repeat" as const),
          atMost: fc.nat(3),
          times: fc.option(e32),
          body,
        }),
      ),
      statements: fc.array(tie("statement"), { maxLength: 5 }),
    };
  });
}

const inMain = grammar({ mayCall: true });
const inFunction = grammar({ mayCall: false });

/** Any program of the grammar. */
export const randomProgram: fc.Arbitrary<RandomProgram> = fc.record({
  main: fc.record({ statements: fc.array(inMain.statement, { minLength: 1, maxLength: 12 }), result: inMain.e32 }),
  functions: fc.record({
    32: fc.record({ statements: fc.array(inFunction.statement, { maxLength: 4 }), result: inFunction.e32 }),
    64: fc.record({ statements: fc.array(inFunction.statement, { maxLength: 4 }), result: inFunction.e64 }),
  }),
});

const BRANCHING = new Set<unknown>(["when", "leave", "stop", "next", "choose", "cell", "table", "and", "or"]);

/** How often a run of `program` may branch at most: what the kernel's verifier pays for, twice over each. */
export function branches(program: RandomProgram): number {
  const count = (node: unknown): number => {
    if (typeof node !== "object" || node === null) return 0;
    const within = Object.values(node).reduce((sum: number, child: unknown) => sum + count(child), 0);
    const kind = "kind" in node ? node.kind : undefined;
    if (kind === "call") return within + Math.max(count(program.functions[32]), count(program.functions[64]));
    if (kind === "repeat") return 1 + within * Math.max(1, (node as { readonly atMost: number }).atMost);
    return within + (BRANCHING.has(kind) ? 1 : 0);
  };
  return count(program.main);
}

/** What a packet carries to a program: as many 32-bit and 64-bit numbers as there are inputs. */
export interface Inputs {
  readonly words: readonly bigint[];
  readonly wides: readonly bigint[];
}

export const inputs: fc.Arbitrary<Inputs> = fc.record({
  words: fc.array(number32, { minLength: INPUTS, maxLength: INPUTS }),
  wides: fc.array(number64, { minLength: INPUTS, maxLength: INPUTS }),
});
