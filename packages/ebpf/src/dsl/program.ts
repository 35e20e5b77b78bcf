// Programs and the functions they call. A definition holds the body; building runs it once and leaves
// the intermediate form, which `compile` turns into a specification.

import { constant, type Operand, type VirtualRegister } from "../ir/operation.ts";
import type { MapSpec, ProgramType } from "../spec.ts";
import { BuildError } from "./build-error.ts";
import { builder, FunctionBuilder, type FunctionOutline, type ProgramContext, withBuilder } from "./builder.ts";
import { returnValue } from "./control.ts";
import { callHelper } from "./helper.ts";
import { assertName } from "./name.ts";
import { Packet } from "./packet.ts";
import { TcPacket } from "./tc-packet.ts";
import { callerPosition, withPosition } from "./position.ts";
import { addressOf, type Located, PLACE, placeOfAddress } from "./reference.ts";
import { Int, type IntKind, Net, operandOf } from "./scalar.ts";
import type { AnyStruct, Fields, Reference, Struct } from "./struct.ts";
import { type IntType, type NetType, u32 } from "./types.ts";
import { Exits, setExits, TC_VERDICTS, type Verdict, XDP_VERDICTS } from "./verdict.ts";

/** A program as written, not yet compiled. */
export interface ProgramDefinition {
  readonly name: string;
  readonly type: ProgramType;
  /** Runs the body; each call gives an equal result. */
  build(): ProgramContext;
}

export interface PacketProgramOptions {
  /** Runs where a packet leaves with a reason; emitted once for each kind of verdict. */
  readonly count?: (reason: Int<"u32">) => void;
}

/** An XDP program. `body` returns what becomes of the packet. */
export function xdp(
  name: string,
  body: (packet: Packet) => Verdict,
  options: PacketProgramOptions = {},
): ProgramDefinition {
  return packetProgram(name, "xdp", (context) => new Packet(context), { body, ...options });
}

/** A tc program, for the ingress of an interface (sched_cls). `body` returns what becomes of the packet. */
export function tc(
  name: string,
  body: (packet: TcPacket) => Verdict,
  options: PacketProgramOptions = {},
): ProgramDefinition {
  return packetProgram(name, "sched_cls", (context) => new TcPacket(context), { body, ...options });
}

function packetProgram<P extends Packet>(
  name: string,
  type: "xdp" | "sched_cls",
  packetOf: (context: VirtualRegister) => P,
  options: PacketProgramOptions & { readonly body: (packet: P) => Verdict },
): ProgramDefinition {
  assertName(name);
  const source = callerPosition();
  return {
    name,
    type,
    build() {
      const program: ProgramContext = { functions: [], maps: new Map<string, MapSpec>() };
      const main = new FunctionBuilder(program, { name, parameterCount: 1, returns: "u32", source });
      program.functions.push(main.fn);
      withBuilder(main, () => {
        const exits = new Exits(main, type === "xdp" ? XDP_VERDICTS : TC_VERDICTS, options.count);
        setExits(main, exits);
        const context = main.fn.parameters[0];
        if (context === undefined) throw new Error("a packet's program has a context");
        const verdict = options.body(withPosition(source, () => packetOf(context)));
        if (!main.isEnded) withPosition(verdict.source ?? source, () => exits.leave(verdict));
        exits.finish();
        endAll(main);
      });
      return program;
    },
  };
}

/** Blocks that no path reaches may have been left open; the optimiser removes them. */
function endAll(build: FunctionBuilder): void {
  for (const block of build.fn.blocks) block.terminator ??= { kind: "exit", value: constant(0), source: undefined };
}

/** What a function takes: scalars by value, structures by address. */
export type Parameters = { readonly [name: string]: IntType<IntKind> | NetType<"be16" | "be32"> | AnyStruct };
type Argument<T> =
  T extends Struct<infer F>
    ? Reference<F>
    : T extends IntType<infer K>
      ? Int<K>
      : T extends NetType<infer K>
        ? Net<K>
        : never;
/** The arguments by name. */
export type Arguments<P extends Parameters> = { readonly [N in keyof P]: Argument<P[N]> };

/**
 * A function that programs call (bpf-to-bpf), emitted once per program. It has a frame of its own and
 * returns a number; guards inside it use `orReturn`. At most five parameters.
 */
export function fn<P extends Parameters, K extends IntKind>(
  name: string,
  parameters: P,
  returns: IntType<K>,
  body: (args: Arguments<P>) => Int<NoInfer<K>>,
): (args: Arguments<P>) => Int<K> {
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
      const outline = { name, parameterCount: entries.length, returns: returns.kind, source };
      buildFunction(program, outline, entries, (staged) => body(staged as Arguments<P>));
      unfinished.delete(program);
    }
    const operands = entries.map(([parameter, type]) => argumentOperand(args[parameter], type, parameter));
    const caller = builder();
    const target = caller.register();
    caller.emit({ kind: "callLocal", callee: name, arguments: operands, target });
    return new Int(returns.kind, target);
  };
}

/** An argument as a register or address. Types have checked it; what they cannot see is checked here. */
function argumentOperand(argument: unknown, type: Parameters[string], name: string): Operand {
  if ("fields" in type) {
    if (type.isReference(argument as object)) return addressOf((argument as Located)[PLACE]);
  } else if ((argument instanceof Int || argument instanceof Net) && argument.kind === type.kind) {
    return argument.operand();
  }
  const message = `argument "${name}" is ${describeKind(argument)}, the function takes ${type.typeName}`;
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
  const entries: [string, Parameters[string]][] = [
    ["index", u32],
    ["state", type],
  ];
  const outline: FunctionOutline = { name, parameterCount: 2, returns: "u32", source: callerPosition() };
  buildFunction(caller.program, outline, entries, (args) => {
    const { index, state: inside } = args as { index: Int<"u32">; state: Reference<F> };
    body(index, inside);
    return u32(0);
  });
  callHelper(LOOP, [operandOf(times, 32), { kind: "function", name }, addressOf(state[PLACE]), constant(0)]);
}

function buildFunction(
  program: ProgramContext,
  outline: FunctionOutline,
  entries: readonly (readonly [string, Parameters[string]])[],
  body: (args: object) => Int,
): void {
  if (program.functions.some((other) => other.name === outline.name)) {
    throw new BuildError("YM_BUILD_NAME", `two different functions are called "${outline.name}"`, callerPosition());
  }
  const build = new FunctionBuilder(program, outline);
  program.functions.push(build.fn);
  withBuilder(build, () => {
    const args: Record<string, unknown> = {};
    entries.forEach(([parameter, type], index) => {
      const register = build.fn.parameters[index];
      if (register === undefined) throw new Error("a parameter has a register");
      if ("fields" in type) args[parameter] = type.access(placeOfAddress(register, parameter, type.alignment));
      else args[parameter] = isNetKind(type.kind) ? new Net(type.kind, register) : new Int(type.kind, register);
    });
    const result = body(args);
    if (!build.isEnded) withPosition(outline.source, () => returnValue(result));
    endAll(build);
  });
}

function isNetKind(kind: string): kind is "be16" | "be32" | "be64" {
  return kind.startsWith("be");
}
