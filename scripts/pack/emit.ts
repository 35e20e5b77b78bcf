// TypeScript → the JavaScript that is packed. Types are blanked out, so that every line and column stays where it is
// in the .ts: positions that programs carry into the kernel, and stack traces, go on telling the truth. Only files with
// `using`, which Node 22 does not know, are rewritten by the compiler; none of them holds a program.
import { execFileSync } from "node:child_process";
import { copyFileSync, globSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";

const standIn = "packages/disposable-stack.js";

/** Writes packages/…/*.js into `target`, in the same folders as in the repository; tests stay behind. */
export function emitSources(root: string, target: string): void {
  const entries = packageEntries(root);
  const downlevelled = compile(root);
  try {
    for (const path of globSync("packages/*/src/**/*.ts", { cwd: root }).filter((name) => !isTest(name))) {
      const source = readFileSync(join(root, path), "utf8");
      const out = path.replace(/\.ts$/, ".js");
      const code = usesUsing(source)
        ? readFileSync(join(downlevelled, out), "utf8")
        : withoutHashbang(stripTypeScriptTypes(source));
      write(join(target, out), withStandIn(rewriteSpecifiers(code, path, entries), path));
    }
  } finally {
    rmSync(downlevelled, { recursive: true, force: true });
  }
  const stack = readFileSync(join(root, "scripts/pack/disposable-stack.ts"), "utf8");
  write(join(target, standIn), stripTypeScriptTypes(stack));
  mkdirSync(join(target, "packages/cli/bin"), { recursive: true });
  for (const file of ["packages/cli/bin/yardmaster.js", "packages/cli/package.json"]) {
    copyFileSync(join(root, file), join(target, file));
  }
}

/** Everything, as the TypeScript compiler writes it for Node 22, in a folder of its own. */
function compile(root: string): string {
  const folder = mkdtempSync(join(tmpdir(), "yardmaster-pack-"));
  const kept = ["--target", "es2024", "--module", "nodenext", "--rewriteRelativeImportExtensions", "--noCheck"];
  const compiler = join(root, "node_modules/.bin/tsc");
  execFileSync(compiler, ["-p", root, "--noEmit", "false", "--outDir", folder, ...kept], { stdio: "inherit" });
  return folder;
}

/** Import specifier → source file, for the names by which packages meet ("@yardmaster/linux", "…/config"). */
function packageEntries(root: string): ReadonlyMap<string, string> {
  const entries = globSync("packages/*/package.json", { cwd: root }).flatMap((path) => {
    const manifest = JSON.parse(readFileSync(join(root, path), "utf8")) as {
      readonly name: string;
      readonly exports: Readonly<Record<string, string>>;
    };
    return Object.entries(manifest.exports).map(
      ([entry, file]) => [join(manifest.name, entry), join(dirname(path), file)] as const,
    );
  });
  return new Map(entries);
}

/** Names of packages become paths, .ts becomes .js: one name each, so that nothing else on a line moves before it. */
function rewriteSpecifiers(code: string, path: string, entries: ReadonlyMap<string, string>): string {
  return code.replace(/(\bfrom\s*|\bimport\s*\(?\s*)"([^"\n]+)"/g, (whole, before: string, specifier: string) => {
    const entry = entries.get(specifier);
    const file = entry === undefined ? specifier : `./${relative(dirname(path), entry)}`;
    return file.startsWith(".") ? `${before}"${file.replace(/\.ts$/, ".js")}"` : whole;
  });
}

/** Node 22 has no DisposableStack: files that make one bring the stand-in, on their first line. */
function withStandIn(code: string, path: string): string {
  if (!code.includes("new DisposableStack(")) return code;
  return `import "./${relative(dirname(path), standIn)}"; ${code}`;
}

function usesUsing(source: string): boolean {
  return /^\s*(?:await )?using \w+ =|\(\s*(?:await )?using \w+ of/m.test(source);
}

function withoutHashbang(code: string): string {
  return code.replace(/^#!.*/, "");
}

/** Tests, and what only they use. */
function isTest(path: string): boolean {
  return /(\.test|\.fixture|-testing)\.ts$/.test(path);
}

function write(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, text);
}
