// Every scheduler in the kernel, against its twin in plain TypeScript.

import { createKernelHost } from "@yardmaster/ebpf/kernel";
import { expect, test } from "vitest";
import { schedulerNames } from "../../src/index.ts";
import { describeKernel } from "../kernel-test.ts";
import { playSchedule } from "./random-schedule.ts";

const SEEDS = 12;
const STEPS = 100;

describeKernel("schedulers in the kernel", () => {
  // twos draws numbers that nobody else sees.
  test.each(schedulerNames.filter((name) => name !== "twos"))("%s does what its twin does", (scheduler) => {
    const tally = { chosen: 0, refused: 0 };
    for (let seed = 1; seed <= SEEDS; seed++) {
      playSchedule({ scheduler, seed, steps: STEPS, createHost: createKernelHost }, tally);
    }
    expect(tally.chosen).toBeGreaterThan(SEEDS * 20);
    expect(tally.refused).toBeGreaterThan(SEEDS);
  });
});
