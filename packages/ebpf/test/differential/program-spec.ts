// From generated items to what hosts load. Programs with callbacks carry BTF, because the kernel wants to
// know of a function that a helper calls that it is a function and a static one.

import * as asm from "../../src/asm/index.ts";
import { BtfBuilder, encodeFuncInfo, encodeLineInfo } from "../../src/btf/index.ts";
import type { ProgramSpec } from "../../src/spec.ts";
import * as layout from "./arena-layout.ts";
import type { GeneratedItem } from "./scope.ts";

export function toProgramSpec(items: readonly GeneratedItem[]): ProgramSpec {
  const instructions = asm.assemble(items.map(({ item }) => item));
  const callsBack = instructions.some(({ opcode, src }) => opcode === asm.OP_LOAD_IMM64 && src === asm.PSEUDO_FUNC);
  return {
    name: "random",
    type: "xdp",
    instructions,
    maps: [layout.stateSpec, layout.arraySpec, layout.hashSpec],
    license: "GPL",
    ...(callsBack && { btf: describeFunctions(items) }),
  };
}

function describeFunctions(items: readonly GeneratedItem[]): NonNullable<ProgramSpec["btf"]> {
  const btf = new BtfBuilder();
  const prototype = btf.addFunctionPrototype(btf.addInt("int", 32, { signed: true }), []);
  const functions = new Map<string, number>();
  let slot = 0;
  for (const { item, owner } of items) {
    if (!functions.has(owner)) functions.set(owner, slot);
    if (!("label" in item)) slot += asm.slotsOf(item);
  }
  const records = [...functions].map(([name, instructionOffset]) => {
    const typeId = btf.addFunction(name === "" ? "main" : name, prototype, "static");
    return { instructionOffset, typeId };
  });
  // Where there is func_info the kernel wants a line for the start of each function, too.
  const file = { fileNameOffset: btf.addString("random.ts"), lineOffset: 0, column: 1 };
  const lines = records.map(({ instructionOffset }) => ({ ...file, instructionOffset, line: 1 }));
  const funcInfo = encodeFuncInfo(records);
  return { blob: btf.build(), funcInfo, lineInfo: encodeLineInfo(lines) };
}
