// The test runner: `npm test` runs every part, `npm run test:PART` one of them (what follows `--` goes to vitest:
// files, `-t NAME`). The last line is the sum of all, `N passed, N failed, N skipped`, above it is what took how long;
// the exit status is 1 when one failed. Where all parts run, the virtual machine runs beside the others, because it
// uses one processor and takes longest; and so do unit tests, in the time that kernel and end-to-end tests spend
// waiting.
import { resolve } from "node:path";
import { runTestsInVm } from "../test/vm/run-tests-in-vm.ts";
import { ensureCommands, type SystemCommand } from "./system-packages.ts";
import { startBeside } from "./test/beside.ts";
import { runChecks } from "./test/check.ts";
import { trimCompileCache } from "./test/compile-cache.ts";
import { type Counts, describeCounts, ONE_FAILED, sum } from "./test/counts.ts";
import { Times } from "./test/times.ts";
import { type Project, runProjects, skipProjects } from "./test/vitest.ts";

type Part = (extra: readonly string[]) => Counts | Promise<Counts>;

const root = resolve(import.meta.dirname, "..");
const times = new Times();

/** What the tests start besides Node. Where one cannot be had, unit tests that use it skip and the others fail. */
const TOOLS: readonly SystemCommand[] = ["ip", "tc", "sysctl", "bpftool", "curl", "nginx", "openssl", "tcpdump"];

/** In the order that `npm test` prints them in. */
const PARTS: Readonly<Record<string, Part>> = {
  check: () => runChecks(root),
  kernel: (extra) => runPrivileged(["kernel"], extra),
  e2e: (extra) => runPrivileged(["e2e"], extra),
  unit: (extra) => runProjects(["unit"], extra, times),
  vm: (extra) => runTestsInVm(extra),
};

/** Parts that run beside the others, and how much they leave to these (nice(2)): end-to-end tests watch the clock. */
const BESIDE: Readonly<Record<string, number>> = { vm: 0, unit: 5 };

/** What `vm` has a virtual machine run: the kernel tests on its kernel, and those that only it has the modules for. */
const PARTS_OF_GUEST: typeof PARTS = {
  guest: (extra) => runPrivileged(["kernel", "guest"], extra),
};

const isRoot = process.getuid?.() === 0;

/** Kernel and end-to-end tests need root and a few system tools; without root they are skipped, loudly. */
async function runPrivileged(projects: readonly Project[], extra: readonly string[]): Promise<Counts> {
  if (process.platform !== "linux") return skipProjects(projects, `needs Linux, this is ${process.platform}`);
  if (!isRoot) return skipProjects(projects, "needs root (network namespaces, bpf); run it with sudo");
  const missing = ensureCommands(TOOLS);
  if (missing === undefined) return runProjects(projects, extra, times);
  console.log(` × ${projects.join(", ")}: ${missing}`);
  return ONE_FAILED;
}

async function main(names: readonly string[], extra: readonly string[]): Promise<number> {
  trimCompileCache(process.env["NODE_COMPILE_CACHE"] ?? "");
  if (isRoot) ensureCommands(TOOLS);
  const isWhole = names.length > 1;
  const besides = Object.entries(isWhole ? BESIDE : {}).map(([name, niceness]) =>
    startBeside(name, [process.execPath, import.meta.filename, name], niceness),
  );
  const results: Counts[] = [];
  for (const name of names) {
    console.log(`── ${name}`);
    const beside = besides.find((each) => each.name === name);
    const part = beside?.finish ?? PARTS[name] ?? PARTS_OF_GUEST[name];
    const started = performance.now();
    if (part !== undefined) results.push(await part(extra));
    times.addPart(name, beside?.seconds() ?? (performance.now() - started) / 1000);
    if (beside !== undefined) times.addFilesOf(name, beside.output());
  }
  const total = sum(results);
  console.log(times.lines().join("\n"));
  console.log(describeCounts(total));
  return total.failed > 0 ? 1 : 0;
}

const [name, ...extra] = process.argv.slice(2);
if (name !== undefined && !(name in PARTS || name in PARTS_OF_GUEST)) {
  console.error(`running tests: no part is named "${name}"; there are ${Object.keys(PARTS).join(", ")}`);
  process.exit(2);
}
process.exit(await main(name === undefined ? Object.keys(PARTS) : [name], extra));
