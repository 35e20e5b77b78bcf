// Random traffic through the data plane on the interpreter, against the reference.

import { createMemoryHost } from "@yardmaster/ebpf/vm";
import { expect, test } from "vitest";
import { reasonNames } from "../src/index.ts";
import { emptyTally, playRandom } from "./random/compare.ts";

const SEEDS = Number(process.env["YARDMASTER_SEEDS"] ?? 80);
const FIRST_SEED = Number(process.env["YARDMASTER_FIRST_SEED"] ?? 1);
const STEPS = 150;
/**
 * What random traffic with known hops does not meet: the routing's answers, what is rare or too long, what must never
 * be.
 */
const UNMET = [
  ...["neighbourUnresolved", "noRoute", "forwardingDisabled", "directNeighbourUnresolved"],
  "serverNeighbourUnresolved",
  ...["silentRefusal", "tooLongToSum", "tunnelErrorKept", "crossingUnchecked"],
  // Health checks have packets of their own: packets/probes.ts.
  ...["checkUnknown", "checkFragment", "checkExceedsMtu", "checkSentOn", "checkBroken"],
  "internal",
];

test("the data plane does what the reference does", { timeout: 600_000 }, () => {
  const tally = emptyTally();
  for (let seed = FIRST_SEED; seed < FIRST_SEED + SEEDS; seed++) playRandom([createMemoryHost()], seed, STEPS, tally);
  expect(tally.forwarded).toBeGreaterThan(SEEDS * 10);
  expect(tally.ended).toBeGreaterThan(SEEDS);
  if (SEEDS < 60) return;
  const met = [...tally.reasons].filter((name) => !UNMET.includes(name));
  expect(met.sort()).toEqual(reasonNames.filter((name) => !UNMET.includes(name)).sort());
});
