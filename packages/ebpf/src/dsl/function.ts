// The functions that programs call: on their own frames, emitted once for each program. Global ones the kernel verifies
// once, for any arguments, instead of again at each call on each path.

import type { BtfBuilder } from "../btf/index.ts";
import { constant, type GlobalSignature, type Operand, type VirtualRegister } from "../ir/operation.ts";
import type { ProgramType } from "../spec.ts";
import { BuildError } from "./build-error.ts";
import { builder, FunctionBuilder, type FunctionOutline, type ProgramContext, withBuilder } from "./builder.ts";
import { branchOn, returnValue } from "./control.ts";
import { callHelper } from "./helper.ts";
import { assertName } from "./name.ts";
import { Packet } from "./packet.ts";
import { callerPosition, withPosition } from "./position.ts";
import { addressOf, assertOutsidePacket, type Located, PLACE, placeOfAddress } from "./reference.ts";
import { Bool, Int, type IntKind, Net, operandOf } from "./scalar.ts";
import type { AnyStruct, Fields, Reference, Struct } from "./struct.ts";
import { TcPacket } from "./tc-packet.ts";
import { type IntType, type NetType, u32 } from "./types.ts";
import { Exits, setExits, type Verdict, verdict } from "./verdict.ts";

/** Blocks that no path reaches may have been left open; the optimiser removes them. */
export function endAll(build: FunctionBuilder): void {
  for (const block of build.fn.blocks) block.terminator ??= { kind: "exit", value: constant(0), source: undefined };
}

type Parameter = IntType<IntKind> | NetType<"be16" | "be32"> | AnyStruct | typeof Packet;
/** What a function takes: scalars by value, structures by address, and the packet: `{ packet: Packet }`. */
export type Parameters = { readonly [name: string]: Parameter };
type Argument<T> = T extends typeof Packet
  ? Packet
  : T extends Struct<infer F>
    ? Reference<F>
    : T extends IntType<infer K>
      ? Int<K>
      : T extends NetType<infer K>
        ? Net<K>
        : never;
/** The arguments by name. */
export type Arguments<P extends Parameters> = { readonly [N in keyof P]: Argument<P[N]> };

/** How a function is verified. */
export interface FunctionOptions {
  /**
   * The kernel verifies it once on its own, for arguments of which it knows nothing but their types, and knows nothing
   * of the number that it returns (BTF_FUNC_GLOBAL; do_check_subprogs, kernel/bpf/verifier.c). Otherwise it walks
   * through the function again at each call on each path. Its structures must be complete where it is called: padding,
   * too, must have been written.
   */
  readonly isGlobal?: true;
}

/**
 * A function that programs call (bpf-to-bpf), emitted once per program. It has a frame of its own and
 * returns a number; guards inside it use `orReturn`. At most five parameters. References into the packet are stale
 * after a call of one that moves the packet's bounds.
 */
export function fn<P extends Parameters, K extends IntKind>(
  name: string,
  parameters: P,
  returns: IntType<K>,
  body: (args: Arguments<P>) => Int<NoInfer<K>>,
  options: FunctionOptions = {},
): (args: Arguments<P>) => Int<K> {
  const call = callable({ name, parameters, returns, options }, (args) => {
    const { fn: built } = builder();
    const result = body(args as Arguments<P>);
    if (!builder().isEnded) withPosition(built.source, () => returnValue(result));
  });
  return (args) => new Int(returns.kind, call(args));
}

/**
 * A function that decides what becomes of the packet: guards and `leave` inside it give verdicts, counted as in the
 * program. Its call is the verdict: `leave(refuse({ packet }))`.
 */
export function verdictFn<P extends Parameters>(
  name: string,
  parameters: P,
  body: (args: Arguments<P>) => Verdict,
  options: FunctionOptions = {},
): (args: Arguments<P>) => Verdict {
  const call = callable({ name, parameters, returns: u32, options }, (args) => {
    const build = builder();
    const exits = new Exits(build, build.program.verdicts, build.program.count);
    setExits(build, exits);
    const end = body(args as Arguments<P>);
    if (!build.isEnded) withPosition(end.source ?? build.fn.source, () => exits.leave(end));
    exits.finish();
  });
  return (args) => verdict(new Int("u32", call(args)));
}

interface Callable {
  readonly name: string;
  readonly parameters: Parameters;
  readonly returns: IntType<IntKind>;
  readonly options: FunctionOptions;
}

/** What calls a function, and builds it at the first call in each program; gives the register of its result. */
function callable(
  { name, parameters, returns, options }: Callable,
  body: (args: object) => void,
): (args: { readonly [name: string]: unknown }) => VirtualRegister {
  assertName(name);
  const entries = Object.entries(parameters);
  if (entries.length > 5) {
    throw new BuildError(
      "YM_BUILD_ARGUMENTS",
      `function "${name}" has ${entries.length} parameters; registers r1–r5 hold five`,
      callerPosition(),
    );
  }
  const source = callerPosition();
  const built = new WeakSet<ProgramContext>();
  const unfinished = new WeakSet<ProgramContext>();
  return (args) => {
    const { program } = builder();
    if (unfinished.has(program)) {
      const message = `function "${name}" calls itself; the kernel has no recursion, repeat(…) may do`;
      throw new BuildError("YM_BUILD_RECURSION", message, callerPosition());
    }
    if (!built.has(program)) {
      built.add(program);
      unfinished.add(program);
      const signature = options.isGlobal === true ? signatureOf(program.type, entries, returns) : undefined;
      const outline = { name, parameterCount: entries.length, returns: returns.kind, source, signature };
      buildFunction(program, outline, entries, body);
      unfinished.delete(program);
    }
    return emitCall(name, entries, args);
  };
}

type Entries = readonly (readonly [name: string, type: Parameter])[];

/** What the kernel's verifier is told of a global function (btf_prepare_func_args, kernel/bpf/btf.c). */
function signatureOf(program: ProgramType, entries: Entries, returns: IntType<IntKind>): GlobalSignature {
  return {
    parameters: entries.map(([name, type]) => ({ name, type: (btf: BtfBuilder) => describeType(program, type, btf) })),
    takesContext: entries.some(([, type]) => type === Packet),
    returns: (btf) => returns.btf(btf),
  };
}

/** The context's type by program type: the kernel goes by its name (struct bpf_ctx_convert, kernel/bpf/btf.c). */
const CONTEXTS: Readonly<Partial<Record<ProgramType, string>>> = { xdp: "xdp_md", sched_cls: "__sk_buff" };

function describeType(program: ProgramType, type: Parameter, btf: BtfBuilder): number {
  if (type === Packet) return btf.addPointer(btf.addStruct(CONTEXTS[program] ?? "context", 0, []));
  const data = type as Exclude<Parameter, typeof Packet>;
  return "fields" in data ? btf.addPointer(data.btf(btf)) : data.btf(btf);
}

function emitCall(name: string, entries: Entries, args: { readonly [name: string]: unknown }): VirtualRegister {
  const caller = builder();
  const movesBounds = caller.program.movesBounds.has(name);
  const operands = entries.map(([parameter, type]) => {
    const argument = args[parameter];
    const operand = argumentOperand(argument, type, parameter);
    if (movesBounds && typeof type !== "function" && "fields" in type) {
      assertOutsidePacket((argument as Located)[PLACE], `"${name}"`);
    }
    return operand;
  });
  const target = caller.register();
  caller.emit({ kind: "callLocal", callee: name, arguments: operands, target });
  if (movesBounds) for (const [parameter, type] of entries) if (type === Packet) (args[parameter] as Packet).moved();
  return target;
}

/** An argument as a register or address. Types have checked it; what they cannot see is checked here. */
function argumentOperand(argument: unknown, type: Parameter, name: string): Operand {
  if (type === Packet) {
    if (argument instanceof Packet) return argument.context;
  } else if ("fields" in type) {
    if (type.isReference(argument as object)) return addressOf((argument as Located)[PLACE]);
  } else if (
    (argument instanceof Int || argument instanceof Net) &&
    argument.kind === (type as { kind?: string }).kind
  ) {
    return argument.operand();
  }
  const wanted = type === Packet ? "the packet" : (type as { readonly typeName: string }).typeName;
  const message = `argument "${name}" is ${describeKind(argument)}, the function takes ${wanted}`;
  throw new BuildError("YM_BUILD_ARGUMENTS", message, callerPosition());
}

function describeKind(value: unknown): string {
  if (value instanceof Int || value instanceof Net) return `a ${value.kind}`;
  return typeof value === "object" && value !== null && PLACE in value ? "another structure" : `a ${typeof value}`;
}

/** enum bpf_func_id, include/uapi/linux/bpf.h; since Linux 5.17, and inlined by the kernel since 5.19. */
const LOOP = 181;

/**
 * Runs `body` for index 0, 1, … below `times`: for loops that the verifier could not walk through round
 * by round. The body is a function of its own, so it sees no staged value of the surrounding function
 * but those in `state`, a structure in the frame. Inside, `returnValue(1)` stops the loop and
 * `returnValue(0)` goes on with the next round.
 */
export function loop<F extends Fields>(
  name: string,
  times: Int<"u32">,
  type: Struct<F>,
  state: Reference<F>,
  body: (index: Int<"u32">, state: Reference<F>) => void,
): void {
  assertName(name);
  const caller = builder();
  const entries: Entries = [
    ["index", u32],
    ["state", type],
  ];
  const outline: FunctionOutline = { name, parameterCount: 2, returns: "u32", source: callerPosition() };
  buildFunction(caller.program, outline, entries, (args) => {
    const { index, state: inside } = args as { index: Int<"u32">; state: Reference<F> };
    body(index, inside);
    if (!builder().isEnded) withPosition(outline.source, () => returnValue(0));
  });
  callHelper(LOOP, [operandOf(times, 32), { kind: "function", name }, addressOf(state[PLACE]), constant(0)]);
}

function buildFunction(
  program: ProgramContext,
  outline: FunctionOutline,
  entries: Entries,
  body: (args: object) => void,
): void {
  if (program.functions.some((other) => other.name === outline.name)) {
    throw new BuildError("YM_BUILD_NAME", `two different functions are called "${outline.name}"`, callerPosition());
  }
  const build = new FunctionBuilder(program, outline);
  program.functions.push(build.fn);
  withBuilder(build, () => {
    if (outline.signature !== undefined) withPosition(outline.source, () => assertPresent(build, entries));
    const args = entries.map(([parameter, type], index) => [parameter, staged(build, type, parameter, index)]);
    body(Object.fromEntries(args));
    endAll(build);
  });
}

/**
 * To the verifier the structures of a global function may be absent (PTR_MAYBE_NULL), although no call of ours passes
 * null: one comparison for each at its start, where it would return 0.
 */
function assertPresent(build: FunctionBuilder, entries: Entries): void {
  const absent = build.block({ isCold: true });
  entries.forEach(([, type], index) => {
    if (typeof type === "function" && type !== Packet) return;
    if (!("fields" in type)) return;
    const comparison = { operator: "jeq", width: 64, left: parameterOf(build, index), right: constant(0) } as const;
    const present = build.block();
    branchOn(new Bool({ kind: "compare", comparison }), absent, present);
    build.enter(present);
  });
  absent.terminator = { kind: "exit", value: constant(0), source: callerPosition() };
}

function parameterOf(build: FunctionBuilder, index: number): VirtualRegister {
  const register = build.fn.parameters[index];
  if (register === undefined) throw new Error("a parameter has a register");
  return register;
}

function packetOf(type: ProgramType, context: VirtualRegister): Packet {
  return type === "sched_cls" ? new TcPacket(context) : new Packet(context);
}

/** What the body sees of a parameter. */
function staged(build: FunctionBuilder, type: Parameter, name: string, index: number): unknown {
  const register = parameterOf(build, index);
  if (type === Packet) return withPosition(build.fn.source, () => packetOf(build.program.type, register));
  const data = type as Exclude<Parameter, typeof Packet>;
  if (!("fields" in data)) return isNetKind(data.kind) ? new Net(data.kind, register) : new Int(data.kind, register);
  const at = placeOfAddress(register, name, data.alignment);
  return data.access(build.fn.signature === undefined ? at : { ...at, isUntraced: true });
}

function isNetKind(kind: string): kind is "be16" | "be32" | "be64" {
  return kind.startsWith("be");
}
