// Tidy rules about how files hang together: which package and layer may import which, no cycles, no dead files. The
// tables here are the arrows of docs/architecture.md; adding an arrow is a decision.
import { posix } from "node:path";
import { eachFile, type Finding, isTest, isTypeScript, type Rule, type SourceFile, withoutComments } from "./source.ts";

/** Package → packages that its sources may import. Tests may import the leaves besides. */
const PACKAGE_IMPORTS: Readonly<Record<string, readonly string[]>> = {
  linux: [],
  packet: [],
  ebpf: ["linux"],
  dataplane: ["ebpf"],
  director: ["dataplane", "ebpf", "linux", "packet"],
  realserver: ["ebpf", "linux", "packet"],
  lab: ["director", "dataplane", "ebpf", "linux", "packet"],
  simulate: ["director", "dataplane", "lab", "packet"],
  "leaving-ipvs": ["director", "packet"],
  cli: ["director", "lab", "leaving-ipvs", "realserver", "simulate"],
};

/** Packages that import no other: tests everywhere build frames with one and prepare the kernel with the other. */
const LEAVES = new Set(["packet", "linux"]);

/** Folder of packages/ebpf/src → folders it may import. Files outside folders (spec.ts …) are open to all. */
const EBPF_IMPORTS: Readonly<Record<string, readonly string[]>> = {
  asm: [],
  btf: [],
  ir: ["asm", "btf"],
  dsl: ["ir", "asm", "btf"],
  vm: ["asm", "btf"],
  kernel: ["asm", "btf"],
};

export interface Import {
  readonly specifier: string;
  readonly line: number;
  readonly isType: boolean;
}

const IMPORT = /\b(import|export)\s+(type\s+)?(?:[\w*{}\s,$]+?\s+from\s+)?"([^"\n]+)"|\bimport\(\s*"([^"\n]+)"\s*\)/g;

/** The modules a TypeScript file names in import and export statements, and in `import("…")`. */
export function importsOf(text: string): Import[] {
  const code = withoutComments(text);
  return [...code.matchAll(IMPORT)].map((match) => ({
    specifier: match[3] ?? match[4] ?? "",
    line: code.slice(0, match.index).split("\n").length,
    isType: match[2] !== undefined,
  }));
}

/** `packages/NAME/…` → NAME. */
function packageOf(path: string): string | undefined {
  return /^packages\/([^/]+)\//.exec(path)?.[1];
}

/** The workspace package a specifier names: `@yardmaster/ebpf/kernel` → ebpf, `yardmaster` → cli. */
function packageNamed(specifier: string): string | undefined {
  if (specifier === "yardmaster") return "cli";
  return /^@yardmaster\/([^/]+)/.exec(specifier)?.[1];
}

/** The repository path a relative specifier means. */
function resolved(from: string, specifier: string): string | undefined {
  return specifier.startsWith(".") ? posix.join(posix.dirname(from), specifier) : undefined;
}

function eachImport(check: (path: string, found: Import) => string | undefined): Rule {
  return eachFile(isTypeScript, ({ path, text }) =>
    importsOf(text).flatMap((found): Finding[] => {
      const message = check(path, found);
      return message === undefined ? [] : [{ path, line: found.line, message }];
    }),
  );
}

export const packageDirection: Rule = eachImport((path, { specifier }) => {
  const [from, to] = [packageOf(path), packageNamed(specifier)];
  if (from === undefined || to === undefined || from === to) return undefined;
  const allowed = PACKAGE_IMPORTS[from];
  if (allowed === undefined) return `package "${from}" has no place in the table of import-rules.ts`;
  if (allowed.includes(to) || (isTest(path) && LEAVES.has(to))) return undefined;
  return `${from} imports ${to}; it may import ${allowed.join(", ") || "no other package"}`;
});

/** `compile()` is pure: what builds programs knows nothing of the kernel. */
export const pureCompiler: Rule = eachImport((path, { specifier }) => {
  if (isTest(path)) return undefined;
  const isPure = path.startsWith("packages/dataplane/src/") || /^packages\/ebpf\/src\/(?!kernel\/)/.test(path);
  if (!isPure) return undefined;
  if (specifier === "@yardmaster/linux") return "only ebpf/kernel talks to the kernel's interface";
  if (specifier === "@yardmaster/ebpf/kernel") return "the data plane is pure: it never imports ebpf/kernel";
  return resolved(path, specifier)?.startsWith("packages/ebpf/src/kernel/") === true
    ? "never imports ebpf/kernel"
    : undefined;
});

export const ebpfLayers: Rule = eachImport((path, { specifier }) => {
  const folderOf = (file: string): string | undefined => /^packages\/ebpf\/src\/([^/]+)\/./.exec(file)?.[1];
  const [from, to] = [folderOf(path), folderOf(resolved(path, specifier) ?? "")];
  if (from === undefined || to === undefined || from === to || isTest(path)) return undefined;
  const allowed = EBPF_IMPORTS[from];
  if (allowed === undefined) return `folder "${from}" has no place in the table of import-rules.ts`;
  return allowed.includes(to)
    ? undefined
    : `ebpf/${from} imports ${to}; it may import ${allowed.join(", ") || "nothing"}`;
});

/** Packages meet at what their `exports` name, never at each other's files. */
export const packageBoundary: Rule = eachImport((path, { specifier }) => {
  const target = resolved(path, specifier);
  const owner = target === undefined ? undefined : packageOf(target);
  if (owner === undefined || owner === packageOf(path)) return undefined;
  return `a file of package ${owner} by its path: import the package by name`;
});

/** The FFI library stays replaceable: one file knows it. */
export const foreignFunctions: Rule = eachImport((path, { specifier }) =>
  specifier === "koffi" && path !== "packages/linux/src/ffi.ts"
    ? "only packages/linux/src/ffi.ts names koffi"
    : undefined,
);

/** What a package's sources import is in its manifest, so that it works when installed alone. */
export const declaredDependencies: Rule = (files) => {
  const manifests = new Map(
    files.filter(({ path }) => /^packages\/[^/]+\/package\.json$/.test(path)).map(manifestEntry),
  );
  return eachImport((path, { specifier }) => {
    const declared = manifests.get(packageOf(path) ?? "");
    if (declared === undefined || isTest(path) || specifier.startsWith(".") || specifier.startsWith("node:"))
      return undefined;
    const name = specifier.split("/", specifier.startsWith("@") ? 2 : 1).join("/");
    return declared.has(name) ? undefined : `"${name}" is not among the dependencies in package.json`;
  })(files);
};

function manifestEntry({ path, text }: SourceFile): [string, Set<string>] {
  const manifest = JSON.parse(text) as {
    readonly name: string;
    readonly dependencies?: Readonly<Record<string, string>>;
  };
  return [packageOf(path) ?? "", new Set([manifest.name, ...Object.keys(manifest.dependencies ?? {})])];
}

/** No file reaches itself through imports; types do not count, they are gone when the program runs. */
export const importCycles: Rule = (files) => {
  const graph = new Map(
    files
      .filter(({ path }) => isTypeScript(path))
      .map(({ path, text }) => [
        path,
        importsOf(text)
          .filter(({ isType }) => !isType)
          .flatMap(({ specifier }) => resolved(path, specifier) ?? []),
      ]),
  );
  const finished = new Set<string>();
  const findings: Finding[] = [];
  const visit = (path: string, trail: readonly string[]): void => {
    const start = trail.indexOf(path);
    if (start >= 0) findings.push({ path, message: `import cycle: ${[...trail.slice(start), path].join(" → ")}` });
    if (start >= 0 || finished.has(path)) return;
    for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
    finished.add(path);
  };
  for (const path of graph.keys()) visit(path, []);
  return findings;
};

/** Files that are started, not imported: tests, examples, type tests, main files, and what a manifest names. */
function isEntry(path: string): boolean {
  return /\.test\.ts$|\.test-d\.ts$|(^|\/)main\.ts$|^packages\/[^/]+\/(examples|test)\/|\.config\.ts$/.test(path);
}

/** A file that nobody imports, starts or names is dead. */
export const deadFiles: Rule = (files) => {
  const imported = new Set(
    files
      .filter(({ path }) => isTypeScript(path))
      .flatMap(({ path, text }) => importsOf(text).flatMap(({ specifier }) => resolved(path, specifier) ?? [])),
  );
  // Started by path: from a manifest, a script, a worker or a child process.
  const named = (path: string): boolean => {
    const quoted = new RegExp(`["'\`/ ]${posix.basename(path).replaceAll(".", "\\.")}["'\` ]`);
    return files.some((other) => other.path !== path && !other.path.endsWith(".md") && quoted.test(other.text));
  };
  return files
    .filter(({ path }) => isTypeScript(path) && !isEntry(path) && !imported.has(path) && !named(path))
    .map(({ path }) => ({ path, message: "nobody imports or starts this file" }));
};
