// Debian's stock kernels as guests: where image and modules lie, and which module files make a set of modules complete.
import { execFileSync } from "node:child_process";
import { globSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { kernelPackage, unpackedPackage, VmUnavailableError } from "./debian-package.ts";

/** Debian 12's kernels: the oldest we promise to run on, and a newer one. */
const META_PACKAGES = { "6.1": "linux-image-amd64", "6.12": "linux-image-6.12-amd64" } as const;

export type KernelVersion = keyof typeof META_PACKAGES;

export const KERNEL_VERSIONS = Object.keys(META_PACKAGES) as readonly KernelVersion[];

export interface GuestKernel {
  /** As `uname -r` prints it in the guest. */
  readonly release: string;
  /** The bootable image. */
  readonly image: string;
  /** Module name → file (.ko or .ko.xz). */
  readonly moduleFiles: ReadonlyMap<string, string>;
  /** Names of modules that are part of the image. */
  readonly builtin: ReadonlySet<string>;
}

/** A kernel module ready to be loaded: dependencies come before what needs them. */
export interface GuestModule {
  readonly name: string;
  readonly content: Buffer;
}

/** Fetches and unpacks a kernel, if need be. */
export function guestKernel(version: KernelVersion): GuestKernel {
  const tree = unpackedPackage(kernelPackage(META_PACKAGES[version], version));
  const [image] = globSync(join(tree, "boot/vmlinuz-*"));
  const [folder] = globSync(join(tree, "{,usr/}lib/modules/*"));
  if (image === undefined || folder === undefined) {
    throw new VmUnavailableError(`reading the guest kernel: no boot/vmlinuz-* or lib/modules in "${tree}"`);
  }
  const files = globSync(join(folder, "kernel/**/*.{ko,ko.xz}"));
  const builtin = readFileSync(join(folder, "modules.builtin"), "utf8").trim().split("\n");
  return {
    release: basename(folder),
    image,
    moduleFiles: new Map(files.map((file) => [moduleName(file), file])),
    builtin: new Set(builtin.map(moduleName)),
  };
}

/** The named modules and all they depend on, in loading order; what is part of the image needs no loading. */
export function modulesInOrder(kernel: GuestKernel, names: readonly string[]): GuestModule[] {
  const ordered = new Map<string, GuestModule>();
  const visit = (name: string): void => {
    if (ordered.has(name) || kernel.builtin.has(name)) return;
    const file = kernel.moduleFiles.get(name);
    if (file === undefined)
      throw new VmUnavailableError(`collecting modules: kernel ${kernel.release} has no module "${name}"`);
    const content = file.endsWith(".xz") ? decompress(file) : readFileSync(file);
    for (const dependency of moduleDependencies(content)) visit(dependency);
    ordered.set(name, { name, content });
  };
  names.forEach(visit);
  return [...ordered.values()];
}

/** The modules a module's `.modinfo` section says it needs: `depends=a,b` between two zero bytes. */
export function moduleDependencies(content: Buffer): string[] {
  const start = content.indexOf("\0depends=", 0, "latin1");
  if (start < 0) return [];
  const from = start + "\0depends=".length;
  const list = content.toString("latin1", from, content.indexOf(0, from));
  return list
    .split(",")
    .filter((name) => name !== "")
    .map(canonical);
}

function moduleName(path: string): string {
  return canonical(basename(path).replace(/\.ko(\.xz)?$/, ""));
}

/** The kernel treats `-` and `_` in module names alike; files use both. */
function canonical(name: string): string {
  return name.replaceAll("-", "_");
}

function decompress(file: string): Buffer {
  return execFileSync("xz", ["-dc", file], { maxBuffer: 64 * 1024 * 1024 });
}
