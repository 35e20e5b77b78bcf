// The same random programs in the kernel: its verifier accepts each, and they do what the reference says.

import fc from "fast-check";
import { expect, test } from "vitest";
import { createKernelHost } from "@yardmaster/ebpf/kernel";
import { evaluateProgram, initialState } from "./evaluate.ts";
import { branches, inputs, randomProgram } from "./random-program.ts";
import { runOnHost } from "./run-random.ts";

/** Beyond, the verifier takes minutes over some programs. */
const MAX_BRANCHES = 45;
const verifiable = randomProgram.filter((program) => branches(program) <= MAX_BRANCHES);

test("random programs: kernel ≡ reference", () => {
  fc.assert(
    fc.property(verifiable, fc.array(inputs, { minLength: 1, maxLength: 4 }), (program, packets) => {
      const expected = packets.map((packet) => {
        const state = initialState();
        evaluateProgram(program, packet, state);
        return state;
      });
      expect(runOnHost(createKernelHost(), program, packets)).toEqual(expected);
    }),
    { numRuns: Number(process.env["FUZZ_RUNS"] ?? 150) },
  );
});
