// The test runner: `npm test` runs every part, `npm run test:PART` one of them (what follows `--` goes to vitest:
// files, `-t NAME`). The last line is the sum of all, `N passed, N failed, N skipped`; the exit status is 1 when one
// failed.
import { resolve } from "node:path";
import { runTestsInVm } from "../test/vm/run-tests-in-vm.ts";
import { ensureCommands, type SystemCommand } from "./system-packages.ts";
import { runChecks } from "./test/check.ts";
import { type Counts, describeCounts, ONE_FAILED, sum } from "./test/counts.ts";
import { type Project, runProject, skipProject } from "./test/vitest.ts";

type Part = (extra: readonly string[]) => Counts | Promise<Counts>;

const root = resolve(import.meta.dirname, "..");

/** In the order of `npm test`: the quickest to fail first. */
const PARTS: Readonly<Record<string, Part>> = {
  check: () => runChecks(root),
  unit: (extra) => runProject("unit", extra),
  kernel: (extra) => runPrivileged("kernel", ["ip", "tc", "bpftool"], extra),
  e2e: (extra) => runPrivileged("e2e", ["ip", "tc", "curl", "tcpdump"], extra),
  vm: (extra) => runTestsInVm(extra),
};

/** Kernel and end-to-end tests need root and a few system tools; without root they are skipped, loudly. */
async function runPrivileged(
  project: Project,
  tools: readonly SystemCommand[],
  extra: readonly string[],
): Promise<Counts> {
  if (process.platform !== "linux") return skipProject(project, `needs Linux, this is ${process.platform}`);
  if (process.getuid?.() !== 0) return skipProject(project, "needs root (network namespaces, bpf); run it with sudo");
  const missing = ensureCommands(tools);
  if (missing === undefined) return runProject(project, extra);
  console.log(` × ${project}: ${missing}`);
  return ONE_FAILED;
}

async function main(names: readonly string[], extra: readonly string[]): Promise<number> {
  const results: Counts[] = [];
  for (const name of names) {
    console.log(`── ${name}`);
    const part = PARTS[name];
    if (part !== undefined) results.push(await part(extra));
  }
  const total = sum(results);
  console.log(describeCounts(total));
  return total.failed > 0 ? 1 : 0;
}

const [name, ...extra] = process.argv.slice(2);
if (name !== undefined && !(name in PARTS)) {
  console.error(`running tests: no part is named "${name}"; there are ${Object.keys(PARTS).join(", ")}`);
  process.exit(2);
}
process.exit(await main(name === undefined ? Object.keys(PARTS) : [name], extra));
