// The kernel's own IPVS beside Yardmaster, in a virtual machine whose kernel has it: the same services, servers,
// weights and traffic, over real sockets. Both must choose the same server for every connection, and count alike.
import { schedulers } from "@yardmaster/director";
import { beforeAll, describe, expect, test } from "vitest";
import { type Case, casesOf } from "./cases.ts";
import { chosenAtAll, shareOf } from "./compare.ts";
import { kernelHas } from "./ipvs.ts";
import { table } from "./report.ts";
import { type Outcome, SideBySide } from "./side-by-side.ts";

describe("IPVS and Yardmaster side by side", () => {
  const cases = casesOf(schedulers.filter(kernelHas));
  const lacking = schedulers.filter((name) => !kernelHas(name));
  const outcomes: (readonly [Case, Outcome])[] = [];
  let both: SideBySide;

  beforeAll(async () => {
    both = await SideBySide.start(cases);
    return async () => {
      console.log(table(outcomes, lacking));
      await both[Symbol.asyncDispose]();
    };
  });

  test.for(cases)("$name", async (each) => {
    const outcome = await both.run(each);
    outcomes.push([each, outcome]);
    const { ipvs, yardmaster } = outcome;
    expect(chosenAtAll(yardmaster.chosen)).toEqual(chosenAtAll(ipvs.chosen));
    if (each.isRandom) return;
    expect(shareOf(yardmaster.chosen)).toEqual(shareOf(ipvs.chosen));
    expect(yardmaster.chosen).toEqual(ipvs.chosen);
    expect(yardmaster.counts).toEqual(ipvs.counts);
  });
});
