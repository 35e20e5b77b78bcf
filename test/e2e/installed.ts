// The package as people get it: packed, installed with npm in a folder of its own, and run by the oldest Node that it
// promises to run on.
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";

const root = resolve(import.meta.dirname, "../..");
/** The last of the line, as an npm package of its binary; `npm run` uses one of these too. */
const oldestNode = `node-linux-${process.arch}@22.23.3`;

/** An installation. */
export interface Installation extends Disposable {
  readonly folder: string;
  /** Node and the command, as words to start it with. */
  readonly command: readonly [string, string];
}

/** Packs and installs. npm takes what others need from its cache where it can, else from its registry. */
export function installPackage(): Installation {
  const folder = mkdtempSync(join(tmpdir(), "yardmaster-installed-"));
  const npm = (...args: readonly string[]): void => {
    const quiet = ["--prefer-offline", "--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"];
    execFileSync("npm", [...args, ...quiet], { cwd: folder, encoding: "utf8", stdio: "pipe" });
  };
  // Others than root run it too.
  chmodSync(folder, 0o755);
  try {
    const pack = [join(root, "scripts/pack.ts"), folder];
    const packed = execFileSync(process.execPath, pack, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
    npm("install", "--prefix", join(folder, "node"), oldestNode);
    npm("install", "--global", "--prefix", join(folder, "prefix"), packed.trim());
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
  return {
    folder,
    command: [join(folder, "node/node_modules/.bin/node"), join(folder, "prefix/bin/yardmaster")],
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
