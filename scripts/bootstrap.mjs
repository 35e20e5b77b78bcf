// What every root script starts through: `node scripts/bootstrap.mjs SCRIPT.ts [ARGUMENT…]`. It makes node_modules
// agree with package-lock.json, then runs the script under the Node version pinned there. It is the one file that is
// not TypeScript: it must run on the Node the machine happens to have (20 or later), before ours is installed.
import { spawn, spawnSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { constants } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = resolve(fileURLToPath(import.meta.url), "../..");
const bin = join(root, "node_modules/.bin");
const pinnedNode = join(bin, "node");

/** What a lock file says is installed: path → entry. npm keeps the state of node_modules in a lock file inside it. */
function lockedPackages(file) {
  return JSON.parse(readFileSync(join(root, file), "utf8")).packages;
}

/** True when every package the lock file demands on this platform is there in the locked version. */
function isInstalled() {
  const stateFile = "node_modules/.package-lock.json";
  if (!existsSync(join(root, stateFile)) || !existsSync(pinnedNode)) return false;
  const installed = lockedPackages(stateFile);
  return Object.entries(lockedPackages("package-lock.json")).every(([path, wanted]) => {
    if (!path.startsWith("node_modules/")) return true;
    const found = installed[path];
    // Optional packages are the binaries of one platform each: those of other platforms are rightly absent.
    if (found === undefined) return wanted.optional === true || wanted.devOptional === true;
    return found.version === wanted.version && found.integrity === wanted.integrity && found.link === wanted.link;
  });
}

/**
 * `npm ci`, silent unless it fails. Install scripts stay off: no dependency needs one (koffi's binary comes prebuilt),
 * and npm asks for approval otherwise. Warnings about the engine are moot, because our Node comes with the install.
 */
function install() {
  process.stderr.write("installing the locked npm packages (npm ci) …\n");
  const npm = spawnSync("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], {
    cwd: root,
    encoding: "utf8",
  });
  if (npm.status === 0) return;
  const reason = npm.error?.message ?? `${npm.stdout}${npm.stderr}`.trim();
  process.stderr.write(`installing the npm packages: npm ci failed: ${reason}\n`);
  process.exit(1);
}

const [script, ...scriptArguments] = process.argv.slice(2);
if (script === undefined) {
  process.stderr.write("usage: node scripts/bootstrap.mjs SCRIPT [ARGUMENT…]\n");
  process.exit(2);
}
if (!isInstalled()) install();

const child = spawn(pinnedNode, [script, ...scriptArguments], {
  cwd: root,
  stdio: "inherit",
  env: {
    // Where Node keeps what it compiled: a command starts in half the time, and tests start hundreds.
    NODE_COMPILE_CACHE: join(root, ".cache/node"),
    ...process.env,
    PATH: `${bin}${delimiter}${process.env.PATH ?? ""}`,
  },
});
// Ctrl-C reaches the child by itself (same process group); SIGTERM comes to us alone and is handed on. In both cases
// the child cleans up first, and its exit status is ours.
process.on("SIGINT", () => {});
for (const signal of ["SIGTERM", "SIGHUP"]) process.on(signal, () => child.kill(signal));
child.on("error", (error) => {
  process.stderr.write(`starting ${pinnedNode}: ${error.message}\n`);
  process.exit(1);
});
child.on("exit", (status, signal) => process.exit(status ?? 128 + constants.signals[signal]));
