// Debian packages that are unpacked but never installed: the guest's kernel and its static busybox. They live in .cache
// of the checkout, one folder a package, and are fetched once. First step of the road to a virtual machine.
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";
import { aptGet } from "../../scripts/system-packages.ts";

const CACHE = resolve(import.meta.dirname, "../../.cache/vm");

/** Something the virtual machine needs and this machine cannot give; the message says what and why. */
export class VmUnavailableError extends Error {
  readonly code = "YM_VM_UNAVAILABLE";
}

/** The folder a Debian package is unpacked in, after fetching it through apt if it is not there yet. */
export function unpackedPackage(name: string): string {
  const folder = join(CACHE, name);
  if (existsSync(folder)) return folder;
  process.stderr.write(`fetching ${name} (apt-get download) …\n`);
  mkdirSync(CACHE, { recursive: true });
  const work = mkdtempSync(join(CACHE, "download-"));
  try {
    const failure = aptGet(["download", name], work);
    if (failure !== undefined) throw new VmUnavailableError(`fetching ${name}: apt-get download failed: ${failure}`);
    const archive = readdirSync(work).find((file) => file.endsWith(".deb"));
    if (archive === undefined) throw new VmUnavailableError(`fetching ${name}: apt-get download left no .deb file`);
    run("dpkg", ["-x", join(work, archive), join(work, "tree")]);
    // Renaming last: a folder under its final name is always a whole one.
    renameSync(join(work, "tree"), folder);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
  return folder;
}

/**
 * The package a Debian meta-package stands for now: `linux-image-amd64` → `linux-image-6.1.0-56-amd64`. One that is
 * unpacked already is preferred to a newer one, so that a run needs no network after the first.
 */
export function kernelPackage(metaPackage: string, version: string): string {
  const prefix = `linux-image-${version}.`;
  const kept = existsSync(CACHE) ? readdirSync(CACHE).find((name) => name.startsWith(prefix)) : undefined;
  if (kept !== undefined) return kept;
  const depends = (): string | undefined =>
    run("apt-cache", ["depends", metaPackage])
      .split("\n")
      .map((line) => line.replace(/^\s*Depends:\s*/, "").trim())
      .find((name) => name.startsWith(prefix));
  const found = depends() ?? (aptGet(["update"]) === undefined ? depends() : undefined);
  if (found !== undefined) return found;
  throw new VmUnavailableError(`finding a ${version} kernel: ${metaPackage} of this Debian release names none`);
}

function run(command: string, commandArguments: readonly string[]): string {
  const child = spawnSync(command, commandArguments, { encoding: "utf8" });
  if (child.error !== undefined)
    throw new VmUnavailableError(`running ${command}: ${child.error.message}`, { cause: child.error });
  if (command === "apt-cache" || child.status === 0) return child.stdout;
  throw new VmUnavailableError(`running ${command}: ${child.stderr.trim()}`);
}
