// The house rules, applied to the repository as it stands. What each rule catches is shown in test/tidy/*.test.ts.
import { resolve } from "node:path";
import { expect, test } from "vitest";
import * as importRules from "./tidy/import-rules.ts";
import { type Finding, repositoryFiles, type Rule } from "./tidy/source.ts";
import * as textRules from "./tidy/text-rules.ts";

const files = repositoryFiles(resolve(import.meta.dirname, ".."));

const { importsOf: _, ...graphRules } = importRules;

function describeFinding({ path, line, message }: Finding): string {
  return `${path}${line === undefined ? "" : `:${line}`}: ${message}`;
}

test.each<[string, Rule]>(Object.entries({ ...textRules, ...graphRules }))("%s", (_name, rule) => {
  expect(rule(files).map(describeFinding)).toEqual([]);
});
