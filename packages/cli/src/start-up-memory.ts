// What a director used to start (schemas, the compiler's values, pages of a heap that grew for them) is given back once
// it runs: an idle process has no other reason to collect garbage, and would keep all of it for days.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** When: the second time for machines that are slow to start. */
const afterMs = [15_000, 120_000] as const;

/** Has the garbage of the start collected later, thoroughly, which takes some tens of milliseconds each time. */
export function giveBackStartUpMemory(): void {
  for (const delayMs of afterMs) setTimeout(collect, delayMs).unref();
}

function collect(): void {
  // Node has no other way to ask for it than V8's test function, which is there in contexts made after the flag is set.
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as (options: { type: "major"; execution: "sync"; flavor: "last-resort" }) => void;
  gc({ type: "major", execution: "sync", flavor: "last-resort" });
}
