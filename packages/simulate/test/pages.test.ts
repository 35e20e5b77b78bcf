// The page of docs/schedulers.md: a section for every scheduler, pictures that are there, each with the workload that
// makes it and the command line that does.
import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { schedulers } from "@yardmaster/dataplane";
import { expect, test } from "vitest";
import { prepareSimulation, readWorkloadFile } from "../src/index.ts";

const docs = resolve(import.meta.dirname, "../../../docs");
const page = readFileSync(join(docs, "schedulers.md"), "utf8");
const files = readdirSync(join(docs, "schedulers"));
const names = files.filter((file) => file.endsWith(".yaml")).map((file) => file.replace(/\.yaml$/, ""));

test.each(Object.keys(schedulers))("the page has a section for %s", (name) => {
  expect(page).toMatch(new RegExp(`^### ${name}$`, "m"));
  expect(page).toContain(`(#${name})`);
});

test("every picture of the page is there, and no other", () => {
  const shown = [...page.matchAll(/!\[[^\]]+\]\(schedulers\/(\w+)\.svg\)/g)].map(([, name]) => name);
  expect(files.toSorted()).toEqual(shown.flatMap((name) => [`${name}.svg`, `${name}.yaml`]).sort());
});

test.each(names)("the workload of %s can be played, its picture shows it, the page says how it is made", (name) => {
  const texts = readWorkloadFile(readFileSync(join(docs, `schedulers/${name}.yaml`), "utf8"), `${name}.yaml`);
  const { schedulers: played } = prepareSimulation(texts);
  expect(played[0]).toBe(name);
  const picture = readFileSync(join(docs, `schedulers/${name}.svg`), "utf8");
  for (const scheduler of played) expect(picture).toContain(`>${scheduler}</text>`);
  expect(page).toContain(`simulate -f docs/schedulers/${name}.yaml --chart docs/schedulers/${name}.svg`);
});
