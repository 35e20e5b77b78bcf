// From the command line's files and folders to replays: what a file is, its content tells, never its name.
import { globSync, readFileSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import { parseIpvsadm } from "./ipvsadm.ts";
import { parseScenario, type Scenario } from "./scenario-file.ts";
import type { Mode } from "./subject.ts";
import { parseVector, type Vector } from "./vector-file.ts";

/** What stands in a file. */
export type Content =
  | { readonly kind: "scenario"; readonly scenario: Scenario }
  | { readonly kind: "vector"; readonly vector: Vector }
  | { readonly kind: "index"; readonly rows: number };

/** A file or folder that cannot be read; exit status 2. */
export class UnreadableFile extends Error {
  override readonly name = "UnreadableFile";
  readonly code = "YM_ORACLE_UNREADABLE";
}

/** The files that the arguments name, of folders every .json below; each once, in order. Throws UnreadableFile. */
export function listFiles(paths: readonly string[]): readonly string[] {
  const files = paths.flatMap((path) => {
    const isFolder = readable(path, () => statSync(path).isDirectory());
    if (!isFolder) return [path];
    const found = globSync("**/*.json", { cwd: path }).sort();
    if (found.length === 0) throw new UnreadableFile(`looking for recordings in ${path}: it holds no .json file`);
    return found.map((name) => join(path, name));
  });
  return [...new Map(files.map((file) => [relative(".", file), file])).values()];
}

/** Reads a file. Throws UnreadableFile when it holds no JSON, another error when that is of no known format. */
export function readContent(file: string): Content {
  const text = readable(file, () => readFileSync(file, "utf8"));
  const json = readable(file, (): unknown => JSON.parse(text));
  if (isIndex(json)) return { kind: "index", rows: json.length };
  const keys = typeof json === "object" && json !== null ? Object.keys(json) : [];
  if (keys.includes("steps") && keys.includes("results")) return { kind: "scenario", scenario: parseScenario(json) };
  if (keys.includes("exchanges")) return { kind: "vector", vector: parseVector(json) };
  throw new Error("neither a scenario (steps and results) nor a packet vector (exchanges)");
}

/** A table of contents: rows that name files. There is nothing in it to replay. */
function isIndex(json: unknown): json is readonly unknown[] {
  return Array.isArray(json) && json.every((row) => typeof row === "object" && row !== null && "file" in row);
}

function readable<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    throw new UnreadableFile(`reading ${path}: ${message}`, { cause: error });
  }
}

/** What not every balancer can do: a way of forwarding, or telling others of its connections. */
export type Ability = `forwarding by ${Mode}` | "synchronisation";

/** What a replay needs, in any of its commands or steps. */
export function abilitiesFor(content: Exclude<Content, { readonly kind: "index" }>): ReadonlySet<Ability> {
  const forwarding = (mode: Mode): Ability => `forwarding by ${mode}`;
  if (content.kind === "vector") {
    return new Set(
      content.vector.ipvsadm.map(parseIpvsadm).flatMap((command): Ability[] => {
        if (command.kind === "startDaemon") return ["synchronisation"];
        return "server" in command ? [forwarding(command.server.mode)] : [];
      }),
    );
  }
  const { mode, steps } = content.scenario;
  const edited = steps.flatMap((step) =>
    step.op === "edit_server" && step.set.mode !== undefined ? [step.set.mode] : [],
  );
  return new Set([mode, ...edited].map(forwarding));
}
