// The manifest of the package that people install, and its shrinkwrap: every package of the workspaces in one, what
// they take from elsewhere at exactly the versions, and with the checksums, of this repository's lock file.
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";

interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly license: string;
  readonly dependencies?: Readonly<Record<string, string>>;
}

interface LockedPackage {
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly dev?: boolean;
}

/** The oldest Node that the installed package runs on; the sources themselves want a newer one (see emit.ts). */
export const oldestNode = 22;

/** The manifest to pack. */
export function packedManifest(root: string): object {
  const { version, description, license } = readManifest(join(root, "packages/cli/package.json"));
  return {
    name: "yardmaster",
    version,
    description,
    license,
    type: "module",
    os: ["linux"],
    engines: { node: `>=${oldestNode}` },
    bin: { yardmaster: "packages/cli/bin/yardmaster.js" },
    man: ["packaging/yardmaster.8"],
    dependencies: foreignDependencies(root),
  };
}

/** Its npm-shrinkwrap.json, which npm obeys also when the package is installed from a file. */
export function shrinkwrap(root: string): object {
  const lock = JSON.parse(readFileSync(join(root, "package-lock.json"), "utf8")) as {
    readonly lockfileVersion: number;
    readonly packages: Readonly<Record<string, LockedPackage>>;
  };
  const { name, version, license, bin, engines, dependencies } = packedManifest(root) as Record<string, unknown>;
  const packages: Record<string, unknown> = { "": { name, version, license, bin, engines, dependencies } };
  const add = (names: readonly string[]): void => {
    for (const path of names.map((wanted) => `node_modules/${wanted}`)) {
      const locked = lock.packages[path];
      if (locked === undefined || path in packages) continue;
      const { dev: _, ...entry } = locked;
      packages[path] = entry;
      add([...Object.keys(locked.dependencies ?? {}), ...Object.keys(locked.optionalDependencies ?? {})]);
    }
  };
  add(Object.keys(foreignDependencies(root)));
  return { name, version, lockfileVersion: lock.lockfileVersion, requires: true, packages };
}

/** What the workspaces' packages take from elsewhere: name → exact version. */
function foreignDependencies(root: string): Readonly<Record<string, string>> {
  const manifests = globSync("packages/*/package.json", { cwd: root }).map((path) => readManifest(join(root, path)));
  const own = new Set(manifests.map(({ name }) => name));
  const foreign = manifests
    .flatMap(({ dependencies = {} }) => Object.entries(dependencies))
    .filter(([name]) => !own.has(name));
  return Object.fromEntries(foreign.toSorted(([one], [other]) => (one < other ? -1 : 1)));
}

function readManifest(file: string): Manifest {
  return JSON.parse(readFileSync(file, "utf8")) as Manifest;
}
