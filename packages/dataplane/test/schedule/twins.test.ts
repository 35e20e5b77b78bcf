// Every scheduler on the interpreter, against its twin in plain TypeScript.

import { createMemoryHost } from "@yardmaster/ebpf/vm";
import { expect, test } from "vitest";
import { schedulerNames } from "../../src/index.ts";
import { playSchedule } from "./random-schedule.ts";

const SEEDS = Number(process.env["YARDMASTER_SEEDS"] ?? 40);
const FIRST_SEED = Number(process.env["YARDMASTER_FIRST_SEED"] ?? 1);
const STEPS = 120;
/** bpf_get_prandom_u32 (enum bpf_func_id, include/uapi/linux/bpf.h). */
const RANDOM_HELPER = 7;

test.each(schedulerNames)("%s does what its twin does", { timeout: 120_000 }, (scheduler) => {
  const tally = { chosen: 0, refused: 0 };
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) {
    const forProgram = numbers(seed);
    const draw = numbers(seed);
    const createHost = () => createMemoryHost({ helpers: { [RANDOM_HELPER]: () => BigInt(forProgram()) } });
    playSchedule({ scheduler, seed, steps: STEPS, createHost, draw }, tally);
  }
  expect(tally.chosen).toBeGreaterThan(SEEDS * 30);
  expect(tally.refused).toBeGreaterThan(SEEDS);
});

/** The same numbers for the program and for the twin, whichever asks first. */
function numbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state;
  };
}
