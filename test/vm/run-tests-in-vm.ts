// The `vm` part of the test run: the kernel tests once more, inside a virtual machine on the oldest kernel we promise
// to work on. Its verifier is stricter and it lacks what came later, so this is where portability is seen. And it has
// IPVS, to compare ourselves with (beside/).
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { type Counts, NONE, ONE_FAILED, sum, tryParseCounts } from "../../scripts/test/counts.ts";
import { VmUnavailableError } from "./debian-package.ts";
import { KERNEL_VERSIONS, type KernelVersion } from "./guest-kernel.ts";
import { GUEST } from "./left-out.ts";
import { runInVm, type VmResult } from "./run-in-vm.ts";

/** Usual is a quarter of this; a busy machine needs more. */
const TIME_LIMIT_MS = 75 * 60_000;

/**
 * An emulated processor is about ten times slower: time limits grow, random programs and traffic, of which thousands
 * run outside, become few, and not every system call fails once.
 */
const GUEST_ENVIRONMENT = {
  [GUEST]: "1",
  YARDMASTER_TIME_SCALE: "10",
  YARDMASTER_FUZZ_COUNT: "100",
  FUZZ_RUNS: "20",
  YARDMASTER_ANOMALY_STEP: "4",
  YARDMASTER_KERNEL_SEEDS: "1",
};

/** Runs the tests in a guest; `extra` is `--kernel VERSION`, then what vitest takes. */
export async function runTestsInVm(extra: readonly string[]): Promise<Counts> {
  const { kernel, rest } = chooseKernel(extra);
  try {
    const compiled = compileAhead();
    const result = await runInVm({
      command: ["node", "scripts/test.ts", "guest", ...rest].join(" "),
      kernel,
      timeoutMs: TIME_LIMIT_MS,
      environment: { ...GUEST_ENVIRONMENT, ...compiled },
      onOutput: (text) => process.stdout.write(text),
    });
    const lost = lostGuest(result);
    if (lost !== undefined) console.log(` × vm: ${lost}; the guest's console:\n${result.console}`);
    return countGuestTests(result);
  } catch (error) {
    if (!(error instanceof VmUnavailableError)) throw error;
    // A machine that may install what is missing has no excuse; any other skips this part, as one test.
    if (process.getuid?.() === 0) {
      console.log(` × vm: ${error.message}`);
      return ONE_FAILED;
    }
    console.log(` ↓ vm: skipped: ${error.message}`);
    return { ...NONE, skipped: 1 };
  }
}

/** See compile-ahead.ts; what the guest has to know of it. */
function compileAhead(): Readonly<Record<string, string>> {
  const folder = process.env["NODE_COMPILE_CACHE"];
  if (folder === undefined) return {};
  const environment = { ...process.env, [GUEST]: "1" };
  spawnSync(process.execPath, [join(import.meta.dirname, "compile-ahead.ts")], { env: environment, stdio: "ignore" });
  return { NODE_COMPILE_CACHE: folder };
}

/** The guest's counts, and one failed test more where it did not end as they say. */
export function countGuestTests(result: VmResult): Counts {
  const counts = tryParseCounts(result.output) ?? NONE;
  const isExplained = lostGuest(result) === undefined && (result.status === 0) === (counts.failed === 0);
  return isExplained ? counts : sum([counts, ONE_FAILED]);
}

/** Why the guest did not reach its last line, or undefined when it did. */
function lostGuest(result: VmResult): string | undefined {
  if (result.timedOut) return "the time limit was reached";
  const isWhole = result.status !== undefined && tryParseCounts(result.output) !== undefined;
  return isWhole ? undefined : "it ended before its tests did";
}

function chooseKernel(extra: readonly string[]): { readonly kernel: KernelVersion; readonly rest: readonly string[] } {
  const at = extra.indexOf("--kernel");
  if (at < 0) return { kernel: "6.1", rest: extra };
  const kernel = KERNEL_VERSIONS.find((version) => version === extra[at + 1]);
  if (kernel === undefined)
    throw new Error(`choosing the guest's kernel: "${extra[at + 1]}" is none of ${KERNEL_VERSIONS.join(", ")}`);
  return { kernel, rest: extra.filter((_, index) => index !== at && index !== at + 1) };
}
