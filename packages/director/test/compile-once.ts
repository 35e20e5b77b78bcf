// Compiles each program once for a shape. Tests make hundreds of data planes of a few shapes, and compiling one takes
// longer than most tests. Programs name their maps, so those of one data plane fit another's.

import type { ProgramSpec } from "@yardmaster/ebpf";
import { type CompileFor, compileFor } from "../src/kernel/dataplane.ts";

const known = new Map<string, ProgramSpec>();

/** What `compileFor` gives, and gave before for an equal shape. */
export const compileOnce: CompileFor = (program, definitions, shape) => {
  const key = JSON.stringify([program.name, shape]);
  const spec = known.get(key) ?? compileFor(program, definitions, shape);
  known.set(key, spec);
  return spec;
};
