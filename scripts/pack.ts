// `npm run pack [FOLDER]`: the file that people install (`npm install -g FILE`), in FOLDER or dist/. It holds the
// packages' sources as plain JavaScript, because Node strips types only outside of node_modules, and because Node 22
// lacks what some of them use (pack/emit.ts). Prints the file's path.
import { execFileSync } from "node:child_process";
import { copyFileSync, cpSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { emitSources } from "./pack/emit.ts";
import { packedManifest, shrinkwrap } from "./pack/manifest.ts";

const root = resolve(import.meta.dirname, "..");
const target = resolve(process.argv[2] ?? join(root, "dist"));
const staged = join(target, "package");

rmSync(staged, { recursive: true, force: true });
mkdirSync(staged, { recursive: true });
emitSources(root, staged);
writeFileSync(join(staged, "package.json"), `${JSON.stringify(packedManifest(root), undefined, 2)}\n`);
writeFileSync(join(staged, "npm-shrinkwrap.json"), `${JSON.stringify(shrinkwrap(root), undefined, 2)}\n`);
for (const folder of ["packaging", "docs", "examples"]) {
  cpSync(join(root, folder), join(staged, folder), { recursive: true });
}
copyFileSync(join(root, "LICENSE"), join(staged, "LICENSE"));
// The repository's README is for those who work on it.
renameSync(join(staged, "packaging/README.md"), join(staged, "README.md"));
const packed = execFileSync("npm", ["pack", "--json", "--ignore-scripts", "--pack-destination", target], {
  cwd: staged,
  encoding: "utf8",
});
const [{ filename } = { filename: "" }] = JSON.parse(packed) as readonly { readonly filename: string }[];
console.log(join(target, filename));
