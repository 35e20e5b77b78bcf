// What docs/configuration.md and examples/ show is what can be written: no fault in them, and no key is missing.
import { globSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { allFields } from "../src/config/fields.ts";
import { parseConfiguration } from "../src/config/parse-configuration.ts";

const page = readFileSync(resolve(import.meta.dirname, "../../../docs/configuration.md"), "utf8");
const examples = [...page.matchAll(/```yaml\n(.*?)```/gs)].map(([, text = ""]) => text);

test("the page has examples", () => {
  expect(examples.length).toBeGreaterThan(1);
});

test.each(examples)("an example is good: %s", (text) => {
  expect(parseConfiguration(text, "docs/configuration.md").warnings).toEqual([]);
});

const folder = resolve(import.meta.dirname, "../../../examples");

test.each(globSync("*.yaml", { cwd: folder }))("examples/%s is good", (name) => {
  expect(parseConfiguration(readFileSync(join(folder, name), "utf8"), name).warnings).toEqual([]);
});

test("every key is explained", () => {
  const keys = Object.keys(allFields).flatMap((path) => path.split(".").at(-1) ?? []);
  const missing = keys.filter((key) => !["", "*", "services", "director"].includes(key) && !page.includes(`\`${key}`));
  expect([...new Set(missing)].filter((key) => !page.includes(`${key}:`))).toEqual([]);
});
