// Random traffic through the data plane in the kernel and on the interpreter at once, against the reference.

import { createKernelHost } from "@yardmaster/ebpf/kernel";
import { createMemoryHost } from "@yardmaster/ebpf/vm";
import { expect, test } from "vitest";
import { describeKernel } from "./kernel-test.ts";
import { emptyTally, playRandom } from "./random/compare.ts";

const SEEDS = Number(process.env["YARDMASTER_KERNEL_SEEDS"] ?? 12);
const STEPS = 120;

describeKernel("random traffic in the kernel", () => {
  test("kernel, interpreter and reference agree", { timeout: 600_000 }, () => {
    const tally = emptyTally();
    for (let seed = 1001; seed < 1001 + SEEDS; seed++) {
      playRandom([createKernelHost(), createMemoryHost()], seed, STEPS, tally);
    }
    expect(tally.forwarded).toBeGreaterThan(SEEDS * 10);
  });
});
