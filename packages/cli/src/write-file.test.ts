// What `save` does with the file that it writes.
import { chmodSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync, statSync } from "node:fs";
import { symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { writeWhole } from "./write-file.ts";

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "write-"));
});
afterEach(() => rmSync(folder, { recursive: true }));

test("a file keeps its mode, a link leads where it led, and nothing is left beside", () => {
  const file = join(folder, "y.yaml");
  writeWhole(file, "one");
  chmodSync(file, 0o604);
  writeWhole(file, "two");
  expect([readFileSync(file, "utf8"), statSync(file).mode & 0o777]).toEqual(["two", 0o604]);
  const link = join(folder, "link.yaml");
  symlinkSync("y.yaml", link);
  writeWhole(link, "three");
  expect([readlinkSync(link), readFileSync(file, "utf8")]).toEqual(["y.yaml", "three"]);
  expect(readdirSync(folder)).toEqual(["link.yaml", "y.yaml"]);
});

test("what cannot be written is as before", () => {
  const file = join(folder, "y.yaml");
  writeFileSync(file, "one");
  mkdirSync(`${file}.next`);
  expect(() => writeWhole(file, "two")).toThrow(/^writing .*y\.yaml: /);
  expect(readFileSync(file, "utf8")).toBe("one");
  expect(() => writeWhole(join(folder, "none", "y.yaml"), "two")).toThrow(/there is no such/);
});
