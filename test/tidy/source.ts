// What the tidy rules look at: the repository's files as text, and TypeScript with comments or strings blanked out, so
// that a rule about code is not fooled by prose. Rules are functions from files to findings; tidy.test.ts applies them.
import { execFileSync } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

export interface SourceFile {
  /** Relative to the repository's root, with forward slashes. */
  readonly path: string;
  readonly text: string;
}

export interface Finding {
  readonly path: string;
  /** Counted from 1; absent where a finding is about the file as such. */
  readonly line?: number;
  readonly message: string;
}

/** A rule sees all files at once; one that looks at each alone is made by `eachFile`. */
export type Rule = (files: readonly SourceFile[]) => readonly Finding[];

/** Every text file that git tracks or would track (not ignored). */
export function repositoryFiles(root: string): SourceFile[] {
  const listing = execFileSync("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"], {
    cwd: root,
    encoding: "utf8",
  });
  const paths = [...new Set(listing.split("\0"))].filter((path) => path !== "" && existsSync(join(root, path)));
  return paths
    .map((path) => ({ path, text: readFileSync(join(root, path), "utf8") }))
    .filter(({ text }) => !text.includes("\0"));
}

/** A rule that checks files one by one: those whose path `applies` accepts. */
export function eachFile(applies: (path: string) => boolean, check: (file: SourceFile) => readonly Finding[]): Rule {
  return (files) => files.filter((file) => applies(file.path)).flatMap(check);
}

/** A rule that checks lines: `check` gets a line (of what `view` makes of the text) and answers with what is wrong. */
export function eachLine(
  applies: (path: string) => boolean,
  check: (line: string, path: string) => string | undefined,
  view: (text: string) => string = (text) => text,
): Rule {
  return eachFile(applies, ({ path, text }) =>
    view(text)
      .split("\n")
      .flatMap((content, index) => {
        const message = check(content, path);
        return message === undefined ? [] : [{ path, line: index + 1, message }];
      }),
  );
}

export function isTypeScript(path: string): boolean {
  return path.endsWith(".ts");
}

export function isTest(path: string): boolean {
  return path.endsWith(".test.ts") || /^packages\/[^/]+\/test\//.test(path) || path.startsWith("test/");
}

/** One token that may hide what looks like code: comments, strings, template text, regular expressions. */
const PROSE = new RegExp(
  [
    String.raw`//[^\n]*`,
    String.raw`/\*[\s\S]*?\*/`,
    String.raw`"(?:\\.|[^"\\\n])*"`,
    String.raw`'(?:\\.|[^'\\\n])*'`,
    "`(?:\\\\[\\s\\S]|[^`\\\\])*`",
    String.raw`(?<=[(,=:[!&|?{};\n]\s*)/(?![*/])(?:\\.|\[(?:\\.|[^\]\\\n])*\]|[^/\\\n[])+/[a-z]*`,
  ].join("|"),
  "g",
);

/** The text with comments blanked (same lines, same columns) and strings kept: what import statements are read from. */
export function withoutComments(text: string): string {
  return text.replace(PROSE, (token) => (/^\/[/*]/.test(token) ? blank(token) : token));
}

/** The text with comments, strings and regular expressions blanked: code alone. */
export function codeOnly(text: string): string {
  return text.replace(PROSE, blank);
}

function blank(token: string): string {
  return token.replace(/[^\n]/g, " ");
}
