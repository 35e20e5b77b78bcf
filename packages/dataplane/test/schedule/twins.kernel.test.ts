// Every scheduler in the kernel, against its twin in plain TypeScript.

import { createKernelHost } from "@yardmaster/ebpf/kernel";
import { describe, expect, test } from "vitest";
import { schedulerNames } from "../../src/index.ts";
import { describeKernel } from "../kernel-test.ts";
import { Asker } from "./asker.ts";
import { membersOf } from "./members.ts";
import { playSchedule } from "./random-schedule.ts";

const SEEDS = Number(process.env["YARDMASTER_KERNEL_SEEDS"] ?? 12);
const STEPS = 100;
/** twos draws numbers that nobody else sees. */
const withTwins = schedulerNames.filter((name) => name !== "twos");

describeKernel("schedulers in the kernel", () => {
  test.each(withTwins)("%s does what its twin does", (scheduler) => {
    const tally = { chosen: 0, refused: 0 };
    for (let seed = 1; seed <= SEEDS; seed++) {
      playSchedule({ scheduler, seed, steps: STEPS, createHost: createKernelHost }, tally);
    }
    expect(tally.chosen).toBeGreaterThan(SEEDS * 20);
    expect(tally.refused).toBeGreaterThan(SEEDS);
  });

  describe("all in one program", () => {
    test.each(withTwins)("%s does what its twin does", (scheduler) => {
      const tally = { chosen: 0, refused: 0 };
      const all = { schedulers: schedulerNames, createHost: createKernelHost };
      playSchedule({ scheduler, seed: 99, steps: STEPS, ...all }, tally);
      expect(tally.chosen + tally.refused).toBe(STEPS);
    });

    test("twos takes every usable server, and no other", () => {
      using asker = new Asker(createKernelHost(), { scheduler: "twos", schedulers: schedulerNames });
      asker.start(membersOf([1, 0, 3, 1]));
      asker.setLoad(3, { active: 0, inactive: 0, isOverloaded: true });
      const chosen = new Set(Array.from({ length: 100 }, () => asker.ask()));
      expect(chosen).toEqual(new Set([0, 2]));
    });
  });
});
