// Tidy rules about the text of single files: lengths, spaces, the comment at the top, constructs and words that are
// not for here.
import { codeOnly, eachFile, eachLine, isTest, isTypeScript, type Rule } from "./source.ts";

const MAX_LINES = 500;
const MAX_COLUMNS = 120;
const MAX_TOP_COMMENT_LINES = 6;

/** Data and generated files are as long and as wide as they must be. */
function isProse(path: string): boolean {
  return !/(^|\/)(package-lock\.json|LICENSE)$|\.(json|pcap|pcapng|log|snap)$/.test(path);
}

/** Two ideas in one room: split a file that grows longer. */
export const fileLength: Rule = eachFile(isTypeScript, ({ path, text }) => {
  const lines = text.split("\n").length - 1;
  return lines > MAX_LINES ? [{ path, message: `${lines} lines; at most ${MAX_LINES}: split it` }] : [];
});

export const lineLength: Rule = eachLine(
  (path) => /\.(ts|mjs|js|sh)$/.test(path),
  (line, path) => {
    // What a test expects a message to be is quoted whole, however long the message is.
    if (line.length <= MAX_COLUMNS || (isTest(path) && /^\s*["'`].*["'`],?$/.test(line))) return undefined;
    return `${line.length} columns; at most ${MAX_COLUMNS}`;
  },
);

export const trailingSpace: Rule = eachLine(isProse, (line) =>
  /[ \t\r]$/.test(line) ? "space at the line's end" : undefined,
);

export const finalNewline: Rule = eachFile(isProse, ({ path, text }) =>
  text === "" || text.endsWith("\n") ? [] : [{ path, message: "no newline at the file's end" }],
);

/** Every file says first what it is and where it stands. */
export const topComment: Rule = eachFile(isTypeScript, ({ path, text }) => {
  const lines = text.replace(/^#!.*\n/, "").split("\n");
  const end = lines[0]?.startsWith("/*") === true ? lines.findIndex((line) => line.includes("*/")) + 1 : undefined;
  const length = end ?? lines.findIndex((line) => !line.startsWith("//"));
  if (length < 1)
    return [{ path, line: 1, message: "no comment at the top: say what the file is and where it stands" }];
  if (length <= MAX_TOP_COMMENT_LINES) return [];
  return [{ path, line: 1, message: `the comment at the top has ${length} lines; at most ${MAX_TOP_COMMENT_LINES}` }];
});

export const fileName: Rule = eachFile(isTypeScript, ({ path }) => {
  const name = path.slice(path.lastIndexOf("/") + 1);
  return /^[a-z0-9]+([.-][a-z0-9]+)*\.ts$/.test(name)
    ? []
    : [{ path, message: "the file's name is not in kebab-case" }];
});

/** Constructs of the language that this project does without, and what to write instead. */
const CONSTRUCTS: readonly (readonly [pattern: RegExp, message: string])[] = [
  [/\bexport\s+default\b/, "default export: export by name"],
  [/^\s*(export\s+)?(declare\s+)?(const\s+)?enum\s+\w/, "enum: use a const object or a union of literals"],
  [/^\s*(export\s+)?(declare\s+)?namespace\s+\w/, "namespace: use a module"],
  [/:\s*any\b(?!\s*\()|\bas any\b|\bany\[\]/, "any: use unknown, or say the type"],
];

/** The tool itself demands this default export. */
const DEFAULT_EXPORT_DEMANDED = new Set(["vitest.config.ts"]);

export const bannedConstructs: Rule = eachLine(
  (path) => isTypeScript(path) && !DEFAULT_EXPORT_DEMANDED.has(path),
  (line) => CONSTRUCTS.find(([pattern]) => pattern.test(line))?.[1],
  codeOnly,
);

/** Only programs that talk to a person print; libraries return values and throw. */
function printsToPeople(path: string): boolean {
  return /^(packages\/(cli|lab)|bench|scripts|test|packages\/[^/]+\/(examples|test))\//.test(path);
}

export const consoleOutput: Rule = eachLine(
  (path) => isTypeScript(path) && !printsToPeople(path),
  (line) => (/\bconsole\.\w+\s*\(/.test(line) ? "console output in a library: return or throw instead" : undefined),
  codeOnly,
);

export const focusedTests: Rule = eachLine(
  (path) => isTypeScript(path) && isTest(path),
  (line) => {
    if (/\b(test|it|describe)(\.\w+)*\.only\b/.test(line)) return "a test alone: the others do not run";
    if (/\b(test|it|describe)(\.\w+)*\.(skip|todo)\b|\.skip\(\)/.test(line))
      return "skipped without a reason: context.skip(reason)";
    return undefined;
  },
  codeOnly,
);

const REGISTRY = /\b(npmjs|yarnpkg|pypi|crates|debian|golang|nodesource|ghcr)\.(org|com|io)\b/;

/** An error that the compiler reports is mended, or expected (and then the line fails once it is gone). */
export const silencedCompiler: Rule = eachLine(isTypeScript, (line) =>
  /@ts-(i[g]nore|n[o]check)/.test(line)
    ? "silenced compiler: use @ts-expect-error in type tests, mend it elsewhere"
    : undefined,
);

/** Words that do not belong in the repository. */
const WORDS: readonly (readonly [pattern: RegExp, message: string])[] = [
  [/\b(TO[D]O|FIX[M]E|XX[X])\b/, "unfinished work in the text: finish it, or leave it out"],
  [/\bfarm-[a-z]/, "a tool that is no part of the project"],
  [/\bissue\s+#?\d/i, "reference to a tracker: the text must stand alone"],
  [/\b(this|next|last|previous|later|another) (session|issue)\b/i, "the project's history is in git, not in the text"],
  [/\bAI\b|\b(chat)?g[p]t\b|\bcl[a]ude\b|\bc[o]pilot\b|\bll[m]s?\b/i, "the project speaks of itself alone"],
];

export const bannedWords: Rule = eachLine(
  (path) => path !== "package-lock.json",
  (line) => WORDS.find(([pattern]) => pattern.test(line))?.[1],
);

/** Where packages come from is each machine's own setting, never the repository's. */
export const registryHosts: Rule = eachLine(
  () => true,
  (line) => (REGISTRY.test(line) ? "host of a package registry" : undefined),
);
