// The parts of the test run that are vitest projects (unit, kernel, e2e, guest): runs them in this process and counts.
import { createVitest, parseCLI, startVitest, type TestModule, type Vitest } from "vitest/node";
import { type Counts, NONE, ONE_FAILED, sum } from "./counts.ts";
import type { Times } from "./times.ts";

export type Project = "unit" | "kernel" | "e2e" | "guest";

/**
 * Runs the tests of projects. `extra` is what vitest's own command line takes: file filters, `-t NAME`. `times` hears
 * of each file.
 */
export async function runProjects(
  projects: readonly Project[],
  extra: readonly string[],
  times: Times,
): Promise<Counts> {
  const { filter, options } = parseCLI(["vitest", ...extra]);
  let counts: Counts | undefined;
  const counter = {
    onTestModuleEnd(module: TestModule) {
      const { collectDuration, setupDuration, duration } = module.diagnostic();
      times.addFile(module.relativeModuleId, (collectDuration + setupDuration + duration) / 1000);
    },
    onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]) {
      // An error outside every test (an unhandled rejection, a worker that died) fails the run as one test more.
      counts = sum([countModules(modules), ...errors.map(() => ONE_FAILED)]);
    },
  };
  const vitest = await startVitest([...filter], {
    ...options,
    project: [...projects],
    watch: false,
    reporters: ["default", counter],
  });
  await closeQuietly(vitest);
  if (counts !== undefined && sumOf(counts) > 0) return counts;
  console.log(` × ${projects.join(", ")}: no test ran`);
  return ONE_FAILED;
}

/** Counts the tests of projects as skipped, without running them, and says why. */
export async function skipProjects(projects: readonly Project[], reason: string): Promise<Counts> {
  const vitest = await createVitest({ project: [...projects], watch: false, reporters: [] });
  const { testModules } = await vitest.collect();
  const skipped = testModules.reduce((total, module) => total + [...module.children.allTests()].length, 0);
  await closeQuietly(vitest);
  console.log(` ↓ ${projects.join(", ")}: ${skipped} tests skipped: ${reason}`);
  return { ...NONE, skipped };
}

function countModules(modules: readonly TestModule[]): Counts {
  const counts = sum(modules.map(countModule));
  if (counts.skipped > 0) console.log(skipReasons(modules).join("\n"));
  return counts;
}

/** A module that failed although none of its tests did (its import or a hook threw) counts as one failed test. */
function countModule(module: TestModule): Counts {
  const states = [...module.children.allTests()].map((test) => test.result().state);
  const count = (state: string): number => states.filter((found) => found === state).length;
  const failed = count("failed") + count("pending");
  return {
    passed: count("passed"),
    failed: failed === 0 && !module.ok() ? 1 : failed,
    skipped: count("skipped"),
  };
}

function skipReasons(modules: readonly TestModule[]): string[] {
  return modules.flatMap((module) =>
    [...module.children.allTests()]
      .map((test) => ({ test, result: test.result() }))
      .filter(({ result }) => result.state === "skipped")
      .map(
        ({ test, result }) =>
          ` ↓ ${module.relativeModuleId} > ${test.fullName}: ${noteOf(result) ?? "no reason given"}`,
      ),
  );
}

function noteOf(result: object): string | undefined {
  return "note" in result && typeof result.note === "string" ? result.note : undefined;
}

function sumOf(counts: Counts): number {
  return counts.passed + counts.failed + counts.skipped;
}

/** vitest sets the process's exit status for its own run; ours is decided by the sum of all parts. */
async function closeQuietly(vitest: Vitest): Promise<void> {
  await vitest.close();
  process.exitCode = 0;
}
