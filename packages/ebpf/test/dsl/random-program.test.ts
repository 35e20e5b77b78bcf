// Random programs do in the interpreter what their plain-TypeScript reference says: the compiler as a whole,
// from folding to register allocation, checked by what programs do.

import fc from "fast-check";
import { expect, test } from "vitest";
import { createMemoryHost } from "@yardmaster/ebpf/vm";
import { evaluateProgram, initialState } from "./evaluate.ts";
import { inputs, randomProgram } from "./random-program.ts";
import { runOnHost } from "./run-random.ts";

test("random programs: interpreter ≡ reference", () => {
  fc.assert(
    fc.property(randomProgram, fc.array(inputs, { minLength: 1, maxLength: 4 }), (program, packets) => {
      const expected = packets.map((packet) => {
        const state = initialState();
        evaluateProgram(program, packet, state);
        return state;
      });
      expect(runOnHost(createMemoryHost(), program, packets)).toEqual(expected);
    }),
    { numRuns: Number(process.env["FUZZ_RUNS"] ?? 150) },
  );
});
