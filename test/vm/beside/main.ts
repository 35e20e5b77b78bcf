// `npm run vm -- node test/vm/beside/main.ts [SCHEDULER…]`: the comparison by hand. Prints the table; the exit status
// is 1 when the two do not agree.
import { schedulers } from "@yardmaster/director";
import { type Case, casesOf } from "./cases.ts";
import { kernelHas } from "./ipvs.ts";
import { disagreementOf, table } from "./report.ts";
import { type Outcome, SideBySide } from "./side-by-side.ts";

const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !(schedulers as readonly string[]).includes(name));
if (unknown.length > 0) {
  console.error(`comparing schedulers: "${unknown.join(" ")}" is none of ${schedulers.join(", ")}`);
  process.exit(2);
}
const named = schedulers.filter((name) => wanted.length === 0 || wanted.includes(name));
const lacking = named.filter((name) => !kernelHas(name));
const cases = casesOf(named.filter(kernelHas));
const outcomes: (readonly [Case, Outcome])[] = [];
await using both = await SideBySide.start(cases);
for (const each of cases) outcomes.push([each, await both.run(each)]);
console.log(table(outcomes, lacking));
process.exitCode = outcomes.every((each) => disagreementOf(...each) === undefined) ? 0 : 1;
