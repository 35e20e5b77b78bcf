// A host that is wrong on purpose, to show that the comparison would notice: it loads each program with
// some of its instructions replaced by others.

import type { Instruction } from "../../src/asm/index.ts";
import type { BpfHost } from "../../src/spec.ts";

/** `host`, except that its programs do `replace(instruction)` for each instruction. */
export function createWrongHost(host: BpfHost, replace: (instruction: Instruction) => Instruction): BpfHost {
  return {
    kind: host.kind,
    createMap: (spec) => host.createMap(spec),
    reopenMap: (map, spec) => host.reopenMap(map, spec),
    waitForRuns: () => host.waitForRuns(),
    loadProgram: (spec, maps) => host.loadProgram({ ...spec, instructions: spec.instructions.map(replace) }, maps),
  };
}
