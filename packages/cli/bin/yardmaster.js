#!/usr/bin/env node
// The `yardmaster` command. Plain JavaScript, because it must run far enough on an old Node to say that it is old: the
// sources are TypeScript that Node 24 runs as they are; installed (scripts/pack.ts) they are JavaScript for Node 22.
// A Node that npm installed beside the project is used.
import { spawn } from "node:child_process";
import { existsSync, realpathSync } from "node:fs";
import { constants } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";

const sources = new URL("../src/main.ts", import.meta.url);
const isPacked = !existsSync(sources);
const requiredMajor = isPacked ? 22 : 24;

if (Number.parseInt(process.versions.node, 10) >= requiredMajor) {
  // What the compilers for fast code touch stays with the process. A director does without them from its first line on,
  // and has them when there is work (director/src/engine.ts).
  if (process.argv[2] === "run") for (const flag of ["--no-opt", "--no-maglev"]) setFlagsFromString(flag);
  const { main } = await import(isPacked ? "../src/main.js" : "../src/main.ts");
  process.exitCode = await main(process.argv);
} else {
  const node = process.env.YARDMASTER_NODE_FOUND === undefined ? findNode() : undefined;
  if (node === undefined) {
    process.stderr.write(
      `yardmaster: this is Node ${process.versions.node}, and Node ${requiredMajor} or newer is needed: ` +
        (isPacked ? "install it.\n" : "install it, or run `npm install` in the project, which brings one.\n"),
    );
    process.exitCode = 1;
  } else {
    runWith(node);
  }
}

/** The Node that npm installed in a node_modules folder above this file. */
function findNode() {
  let folder = dirname(realpathSync(fileURLToPath(import.meta.url)));
  for (;;) {
    const candidate = join(folder, "node_modules", ".bin", "node");
    if (existsSync(candidate)) return candidate;
    if (dirname(folder) === folder) return undefined;
    folder = dirname(folder);
  }
}

/** Runs the same command with another Node, passing signals on and its exit status back. */
function runWith(node) {
  const environment = { ...process.env, YARDMASTER_NODE_FOUND: node };
  const child = spawn(node, process.argv.slice(1), { stdio: "inherit", env: environment });
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
  child.on("error", (error) => {
    process.stderr.write(`yardmaster: starting ${node}: ${error.message}\n`);
    process.exitCode = 1;
  });
  child.on("exit", (status, signal) => {
    process.exitCode = status ?? 128 + (constants.signals[signal] ?? 0);
  });
}
