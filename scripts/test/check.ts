// The part of the test run that reads the code without running it: types, lint, format. Each tool is one test.
import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { type Counts, ONE_FAILED, ONE_PASSED, sum } from "./counts.ts";

interface Check {
  readonly name: string;
  readonly command: string;
  readonly arguments: readonly string[];
}

const CHECKS: readonly Check[] = [
  { name: "types (tsc)", command: "tsc", arguments: ["-p", "."] },
  { name: "lint (oxlint, type-aware)", command: "oxlint", arguments: ["--type-aware", "--deny-warnings"] },
  { name: "format (biome; `npm run format` mends it)", command: "biome", arguments: ["format", "--colors=off"] },
];

/** Runs every check in the repository at `root`; a failing one shows its tool's whole output. */
export function runChecks(root: string): Counts {
  return sum(CHECKS.map((check) => runCheck(check, root)));
}

function runCheck(check: Check, root: string): Counts {
  const run = spawnSync(join(root, "node_modules/.bin", check.command), check.arguments, {
    cwd: root,
    encoding: "utf8",
  });
  if (run.status === 0) {
    console.log(` ✓ ${check.name}`);
    return ONE_PASSED;
  }
  console.log(` × ${check.name}\n${run.error?.message ?? `${run.stdout}${run.stderr}`}`);
  return ONE_FAILED;
}
