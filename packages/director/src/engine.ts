// How the JavaScript engine of a director spends memory. Most directors do next to nothing most of the time: the
// compilers that make much used code fast are a sixth of what such a process holds, and what its start took (schemas,
// the compiler's values, pages of a heap that grew for them) would stay for days, as nothing asks for memory.
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Compilers that are asked for code that runs often; what runs less is compiled simply all the same. */
const COMPILERS = ["opt", "maglev"] as const;
/** From so many things to look at: lines of a configuration, entries of a table. */
const MUCH = 50_000;
/** How long checks are looked at ahead: some 200 in a second are much. */
const CHECKS_FOR_S = 250;
/** When garbage is collected: the second time for machines that are slow to start. */
const GIVE_BACK_AFTER_MS = [15_000, 120_000] as const;

/** It is not collected while somebody changes things: of 100,000 servers it takes some hundred milliseconds. */
const QUIET_MS = 5_000;

let isSaving = false;
let workedAtMs = -Infinity;
const giveBackTimers = new Set<NodeJS.Timeout>();

/** Does without the compilers for fast code until there is work that is worth them. */
export function saveMemory(): void {
  isSaving = true;
  for (const name of COMPILERS) setFlagsFromString(`--no-${name}`);
}

/** So many things will be looked at: where they are many, all that follows runs as fast as it can. Whether they are. */
export function expectWork(things: number): boolean {
  const isMuch = things >= MUCH;
  if (isMuch && isSaving) {
    isSaving = false;
    for (const name of COMPILERS) setFlagsFromString(`--${name}`);
  }
  return isMuch;
}

/** So many checks will begin in a second. */
export function expectChecks(perSecond: number): void {
  expectWork(perSecond * CHECKS_FOR_S);
}

/** Somebody waits for what is done, and may soon for more. */
export function noteWork(): void {
  workedAtMs = performance.now();
}

/**
 * Has the garbage of something large that is over collected later, by `collectGarbage`, thoroughly: some tens of
 * milliseconds each time.
 */
export function giveBackMemory(collectGarbage: () => void = collect): void {
  for (const timer of giveBackTimers) clearTimeout(timer);
  giveBackTimers.clear();
  for (const delayMs of GIVE_BACK_AFTER_MS) collectAfter(delayMs, collectGarbage);
}

function collectAfter(delayMs: number, collectGarbage: () => void): void {
  const timer = setTimeout(() => {
    giveBackTimers.delete(timer);
    const leftMs = workedAtMs + QUIET_MS - performance.now();
    if (leftMs > 0) collectAfter(leftMs, collectGarbage);
    else collectGarbage();
  }, delayMs).unref();
  giveBackTimers.add(timer);
}

function collect(): void {
  // Node has no other way to ask for it than V8's test function, which is there in contexts made after the flag is set.
  setFlagsFromString("--expose-gc");
  const gc = runInNewContext("gc") as (options: { type: "major"; execution: "sync"; flavor: "last-resort" }) => void;
  gc({ type: "major", execution: "sync", flavor: "last-resort" });
}
