// The data plane at tc, on the interpreter: the suites that XDP's programs pass, with checksums whole, yet to be
// computed, and summed up by a card.

import { createMemoryHost } from "@yardmaster/ebpf/vm";
import { describe, expect, test } from "vitest";
import { describeAnswers } from "./answers.ts";
import { describeMethods } from "./method-conformance.ts";
import { describeScenarios } from "./packets/run-scenarios.ts";
import { emptyTally, playRandom } from "./random/compare.ts";
import { atTc, type ChecksumMode } from "./tc-host.ts";

const modes: readonly ChecksumMode[] = ["whole", "pending", "complete"];
const SEEDS = Number(process.env["YARDMASTER_SEEDS"] ?? 20);
const STEPS = 150;

describe.each(modes)("at tc, checksums %s", (mode) => {
  const createHost = () => atTc(createMemoryHost(), mode);
  describeScenarios(createHost);
  describeMethods(createHost);
  describeAnswers(createHost);

  test("the data plane does what the reference does", { timeout: 600_000 }, () => {
    const tally = emptyTally();
    for (let seed = 1; seed <= SEEDS; seed++) playRandom([createHost()], seed, STEPS, tally);
    expect(tally.forwarded).toBeGreaterThan(SEEDS * 10);
  });
});
