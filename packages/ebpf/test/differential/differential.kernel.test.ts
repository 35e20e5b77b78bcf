// Interpreter and kernel agree on random programs: return value, packet, maps, every register and stack
// word. YARDMASTER_FUZZ_COUNT and YARDMASTER_FUZZ_SEED ask for more, or for others.

import { describe, expect, test } from "vitest";
import { bpfAccessProblem, createKernelHost, isKernelAtLeast } from "../../src/kernel/index.ts";
import { createMemoryHost } from "../../src/vm/index.ts";
import { compareHosts, describeDisagreement } from "./compare-hosts.ts";

const COUNT = Number(process.env["YARDMASTER_FUZZ_COUNT"] ?? 10_000);
const FIRST_SEED = Number(process.env["YARDMASTER_FUZZ_SEED"] ?? 1);
/** Programs that the verifier may refuse before the generator counts as broken, in a hundred. */
const REFUSED_PERCENT = 1;
/**
 * Milliseconds for so many programs, far more than it takes, so that only a hang is a timeout: few have a slow start.
 */
const limitFor = (count: number): number => 120_000 + count * 60;

const problem = bpfAccessProblem();

describe.skipIf(problem !== undefined)(`interpreter and kernel${problem ? `: ${problem}` : ""}`, () => {
  const compare = (instructionSet: 3 | 4, count: number) => {
    const hosts = { reference: createKernelHost(), subject: createMemoryHost() };
    const result = compareHosts({ ...hosts, firstSeed: FIRST_SEED, count, instructionSet });
    if (result.disagreement !== undefined) throw new Error(describeDisagreement(result.disagreement));
    const [refused] = result.refused;
    const told = `seed ${refused?.seed} was refused: ${refused?.message}`;
    expect(result.refused.length, told).toBeLessThanOrEqual((count * REFUSED_PERCENT) / 100);
    expect(result.compared).toBe(count - result.refused.length);
  };

  test(
    `agree on ${COUNT} programs`,
    (context) => {
      if (!isKernelAtLeast("6.6")) context.skip("the fourth instruction set needs Linux 6.6");
      compare(4, COUNT);
    },
    limitFor(COUNT),
  );

  // With the newer instructions the same share is left to the tests on a newer kernel.
  const oldCount = isKernelAtLeast("6.6") ? Math.ceil(COUNT / 10) : COUNT;
  test(`agree on ${oldCount} programs of the older instruction set`, () => compare(3, oldCount), limitFor(oldCount));
});
