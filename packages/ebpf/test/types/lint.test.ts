// The one mistake that neither TypeScript nor the builder can see, `if (staged condition)`, is the linter's: each
// of conditions.ts is reported at its line, and packages that hold programs have the rule switched on.

import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";

const ROOT = resolve(import.meta.dirname, "../../../..");
const RULE = "typescript/strict-boolean-expressions";

interface Report {
  readonly diagnostics: readonly {
    readonly code: string;
    readonly labels: readonly { readonly span: { readonly line: number } }[];
  }[];
}

function lint(file: string): Report {
  const options = ["--type-aware", "-A", "all", "-D", RULE, "-f", "json", file];
  try {
    execFileSync(join(ROOT, "node_modules/.bin/oxlint"), options, { cwd: ROOT, encoding: "utf8" });
  } catch (error) {
    // It exits with 1 because it found something.
    return JSON.parse((error as { readonly stdout: string }).stdout) as Report;
  }
  throw new Error(`oxlint found nothing in ${file}`);
}

test("oxlint reports every staged condition that is used as a boolean", () => {
  const file = join(import.meta.dirname, "conditions.ts");
  const lines = readFileSync(file, "utf8").split("\n");
  const isMisuse = (text: string) => /^ {2}(if|while) \(|\? tx\(\)|&& length/.test(text);
  const expected = lines.flatMap((text, index) => (isMisuse(text) ? [index + 1] : []));
  expect(expected).toHaveLength(5);
  const reported = lint(file).diagnostics.flatMap(({ labels }) => labels.map(({ span }) => span.line));
  expect(reported.toSorted((a, b) => a - b)).toEqual(expected);
});

test("the data plane is linted with that rule", () => {
  interface Configuration {
    readonly overrides: readonly {
      readonly files: readonly string[];
      readonly rules: Readonly<Record<string, unknown>>;
    }[];
  }
  const { overrides } = JSON.parse(readFileSync(join(ROOT, ".oxlintrc.json"), "utf8")) as Configuration;
  const dataplane = overrides.find(({ files }) => files.some((glob) => glob.startsWith("packages/dataplane/src/")));
  expect(dataplane?.rules[RULE]).toContain("error");
});
