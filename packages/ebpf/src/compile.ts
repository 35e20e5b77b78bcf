// From a definition to a specification: build, optimise, allocate registers, lower, place labels, and
// describe it all in BTF. Pure: the same definition gives the same bytes on any machine.

import { existsSync, readFileSync } from "node:fs";
import { basename, dirname, join, relative } from "node:path";
import { assemble, formatPosition, type Instruction, type Item, slotsOf, type SourcePosition } from "./asm/index.ts";
import { BtfBuilder, encodeFuncInfo, encodeLineInfo, type FuncInfo, type LineInfo } from "./btf/index.ts";
import { BuildError } from "./dsl/build-error.ts";
import type { ProgramDefinition } from "./dsl/program.ts";
import { calledFunctions, deepestChain, longestChain } from "./ir/call-graph.ts";
import { FRAME_BYTES, lower } from "./ir/lower.ts";
import type { IrFunction } from "./ir/operation.ts";
import { optimise } from "./ir/passes.ts";
import { undefinedRead } from "./ir/undefined-read.ts";
import type { ProgramSpec } from "./spec.ts";

/** "Dual MIT/GPL": some helpers are for programs under a GPL-compatible licence only. */
const LICENSE = "Dual MIT/GPL";
/** MAX_CALL_FRAMES (include/linux/bpf_verifier.h): the program and seven calls, one from the other. */
const MAX_FRAMES = 8;

/** Compiles a program. Throws BuildError for what its author did wrong. */
export function compile(definition: ProgramDefinition): ProgramSpec {
  const program = definition.build();
  const items: Item[] = [];
  const starts: FunctionStart[] = [];
  const frames = new Map<IrFunction, number>();
  for (const fn of program.functions) optimise(fn);
  const functions = calledFunctions(program.functions);
  for (const fn of functions) {
    assertDefined(fn);
    const lowered = lower(fn);
    frames.set(fn, lowered.frameBytes);
    starts.push({ fn, at: items.length });
    items.push(...lowered.items);
  }
  assertStackFits(functions, frames);
  const instructions = assemble(items);
  return {
    name: definition.name,
    type: definition.type,
    ...(definition.attachType !== undefined && { attachType: definition.attachType }),
    instructions,
    maps: [...program.maps.values()],
    license: LICENSE,
    btf: describe(instructions, functionStarts(items, starts)),
  };
}

interface FunctionStart {
  readonly fn: IrFunction;
  /** Index of its first instruction. */
  readonly at: number;
}

/** Values made in a branch do not exist behind it. */
function assertDefined(fn: IrFunction): void {
  const read = undefinedRead(fn);
  if (read === undefined) return;
  const made = read.madeAt === undefined ? "" : `, made at ${formatPosition(read.madeAt)},`;
  throw new BuildError(
    "YM_BUILD_BRANCH",
    `the value read here${made} does not exist on every way to this place; ` +
      "start a variable(…) before the branch or loop and set it inside",
    read.readAt,
  );
}

function assertStackFits(functions: readonly IrFunction[], frames: ReadonlyMap<IrFunction, number>): void {
  for (const fn of functions) {
    const bytes = frames.get(fn) ?? 0;
    if (bytes <= FRAME_BYTES) continue;
    const message = `function "${fn.name}" needs ${bytes} bytes of stack, a function has ${FRAME_BYTES}`;
    throw new BuildError("YM_BUILD_FRAME", message, fn.source);
  }
  const { names, frames: each, bytes } = deepestChain(functions, (fn) => frames.get(fn) ?? 0);
  if (bytes > FRAME_BYTES) {
    const chain = names.map((name, index) => `${name} (${each[index]})`).join(" → ");
    const message = `the calls ${chain} need ${bytes} bytes of stack together, they have ${FRAME_BYTES}`;
    throw new BuildError("YM_BUILD_FRAME", message, functions[0]?.source);
  }
  const longest = longestChain(functions);
  if (longest.length <= MAX_FRAMES) return;
  const message = `the calls ${longest.join(" → ")} are ${longest.length} deep, ${MAX_FRAMES} is the most`;
  throw new BuildError("YM_BUILD_FRAME", message, functions[0]?.source);
}

/** From positions among items, labels included, to positions among instructions. */
function functionStarts(items: readonly Item[], starts: readonly FunctionStart[]): FunctionStart[] {
  return starts.map((start) => ({
    ...start,
    at: items.slice(0, start.at).filter((item) => !("label" in item)).length,
  }));
}

/** The type information that the kernel wants for functions and source lines. */
function describe(instructions: readonly Instruction[], functions: readonly FunctionStart[]) {
  const btf = new BtfBuilder();
  const slots: number[] = [];
  let slot = 0;
  for (const instruction of instructions) {
    slots.push(slot);
    slot += slotsOf(instruction);
  }
  const contextFunctions: number[] = [];
  const funcInfo = functions.map(({ fn, at }): FuncInfo => {
    const typeId = describeFunction(btf, fn);
    if (fn.signature?.takesContext === true) contextFunctions.push(btf.countOffset(typeId));
    return { instructionOffset: slots[at] as number, typeId };
  });
  const lineInfo: LineInfo[] = [];
  const firsts = new Set(functions.map(({ at }) => at));
  let before: SourcePosition | undefined;
  instructions.forEach(({ source }, index) => {
    const position = source ?? (firsts.has(index) ? nextPosition(instructions, index) : undefined);
    if (position === undefined || (samePosition(position, before) && !firsts.has(index))) return;
    before = position;
    lineInfo.push({
      instructionOffset: slots[index] as number,
      fileNameOffset: btf.addString(shortPath(position.file)),
      lineOffset: btf.addString(lineText(position)),
      line: position.line,
      column: position.column,
    });
  });
  return {
    blob: btf.build(),
    funcInfo: encodeFuncInfo(funcInfo),
    lineInfo: encodeLineInfo(lineInfo),
    contextFunctions,
  };
}

/** Only of a global function does the verifier want to know the types. */
function describeFunction(btf: BtfBuilder, { name, parameters, signature }: IrFunction): number {
  if (signature === undefined) {
    const int = btf.addInt("int", 32, { signed: true });
    const context = btf.addPointer(btf.addStruct("context", 0, []));
    const list = parameters.map((_, index) => ({ name: `a${index + 1}`, typeId: context }));
    return btf.addFunction(name, btf.addFunctionPrototype(int, list), "static");
  }
  const list = signature.parameters.map((parameter) => ({ name: parameter.name, typeId: parameter.type(btf) }));
  return btf.addFunction(name, btf.addFunctionPrototype(signature.returns(btf), list), "global");
}

/** The kernel wants a line for the first instruction of each function. */
function nextPosition(instructions: readonly Instruction[], from: number): SourcePosition {
  const next = instructions.slice(from).find(({ source }) => source !== undefined);
  return next?.source ?? { file: "unknown", line: 1, column: 1 };
}

function samePosition(a: SourcePosition, b: SourcePosition | undefined): boolean {
  return a.file === b?.file && a.line === b.line && a.column === b.column;
}

const sourceLines = new Map<string, readonly string[]>();

/** The text of a source line, for the verifier to quote; empty where the file is not there. */
function lineText({ file, line }: SourcePosition): string {
  let lines = sourceLines.get(file);
  if (lines === undefined) {
    lines = existsSync(file) ? readFileSync(file, "utf8").split("\n") : [];
    sourceLines.set(file, lines);
  }
  return (lines[line - 1] ?? "").trim();
}

const shortPaths = new Map<string, string>();

/** `dataplane/src/forward/nat.ts`: from the nearest package's folder on, equal on every machine. */
function shortPath(file: string): string {
  const known = shortPaths.get(file);
  if (known !== undefined) return known;
  let folder = dirname(file);
  while (folder !== dirname(folder) && !existsSync(join(folder, "package.json"))) folder = dirname(folder);
  const short = folder === dirname(folder) ? basename(file) : join(basename(folder), relative(folder, file));
  shortPaths.set(file, short);
  return short;
}
