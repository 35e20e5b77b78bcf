// Verdicts for the next director: as they were written, or not at all.
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { VerdictWriter } from "./keep-verdicts.ts";
import { bootTime, VerdictFile } from "./verdict-file.ts";

let folder = "";
let said: string[] = [];
let now = { bootId: "one", uptimeMs: 1_000_000 };
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "yardmaster-verdicts-"));
  said = [];
  now = { bootId: "one", uptimeMs: 1_000_000 };
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const fileIn = (directory: string) =>
  new VerdictFile(
    directory,
    (line) => said.push(line.replaceAll(folder, "FOLDER")),
    () => now,
  );
const read = (directory = folder) => [...fileIn(directory).read()];
const path = () => join(folder, "verdicts.json");
const refusal = (why: string) => `reading FOLDER/verdicts.json: ${why}: all servers begin as up`;

test("come back as they were written, and leave no other file", () => {
  const directory = join(folder, "made");
  expect(read(directory)).toEqual([]);
  const file = fileIn(directory);
  file.write(["a"]);
  file.write(["a", "b"]);
  now = { ...now, uptimeMs: now.uptimeMs + 300_000 };
  expect(read(directory)).toEqual(["a", "b"]);
  file.write([]);
  expect(read(directory)).toEqual([]);
  expect(readdirSync(directory)).toEqual(["verdicts.json"]);
  expect(said).toEqual([]);
});

test("make no file where nothing is down, and empty the one that a director before left", () => {
  fileIn(folder).write([]);
  expect(readdirSync(folder)).toEqual([]);
  fileIn(folder).write(["a"]);
  const file = fileIn(folder);
  file.read();
  file.write([]);
  expect(read()).toEqual([]);
});

test("count for five minutes, of this boot alone, and never from the future", () => {
  fileIn(folder).write(["a"]);
  const written = now;
  now = { ...written, uptimeMs: written.uptimeMs + 300_001 };
  expect(read()).toEqual([]);
  now = { ...written, uptimeMs: 5 };
  expect(read()).toEqual([]);
  now = { bootId: "two", uptimeMs: written.uptimeMs };
  expect(read()).toEqual([]);
  expect(said).toEqual([
    refusal("it is too old (300 s)"),
    refusal("it is of a later time than now"),
    refusal("the machine has been started anew since it was written"),
  ]);
});

test("are refused whole where the file is damaged, truncated or of another version", () => {
  fileIn(folder).write(["a", "b"]);
  const whole = readFileSync(path(), "utf8");
  const damage = fc.oneof(
    fc.nat(whole.length - 1).map((length) => whole.slice(0, length)),
    fc.json(),
    fc.constant(whole.replace('"version":1', '"version":2')),
    fc.constant(whole.replace('"b"', "7")),
    fc.string(),
  );
  fc.assert(
    fc.property(damage, (text) => {
      said = [];
      writeFileSync(path(), text);
      expect(read()).toEqual([]);
      expect(said).toEqual([refusal("it is damaged or of another version")]);
    }),
    { numRuns: 50 },
  );
});

test("are refused where the file is huge, or no file", () => {
  writeFileSync(path(), "");
  truncateSync(path(), 2 ** 40);
  expect(read()).toEqual([]);
  rmSync(path());
  execFileSync("mkfifo", [path()]);
  expect(read()).toEqual([]);
  expect(said).toEqual([refusal(`it is too large (${2 ** 40} bytes)`), refusal("it is not a file")]);
});

test("that cannot be written are reported once, until it works again", () => {
  const directory = join(folder, "place");
  writeFileSync(directory, "a file");
  const file = fileIn(directory);
  for (const _ of [1, 2]) file.write(["a"]);
  rmSync(directory);
  file.write(["a"]);
  expect(said).toEqual([
    expect.stringMatching(/^writing FOLDER\/place\/verdicts\.json: E.*after a restart all servers begin as up$/),
    "writing FOLDER/place/verdicts.json: works again",
  ]);
});

test("are written once for many changes, once more at the end, and not after it", async () => {
  const down = ["a"];
  const writer = new VerdictWriter(fileIn(folder), () => down);
  writer.changed();
  writer.changed();
  down.push("b");
  await new Promise((resolve) => setImmediate(resolve));
  expect(read()).toEqual(["a", "b"]);
  down.push("c");
  await writer.keep({ signal: AbortSignal.abort(), report: (line) => said.push(line) });
  writer.changed();
  writer[Symbol.dispose]();
  down.splice(0);
  await new Promise((resolve) => setImmediate(resolve));
  expect(read()).toEqual(["a", "b", "c"]);
});

test("go by this machine's time since it was started", () => {
  const { bootId, uptimeMs } = bootTime();
  expect(bootId).toMatch(/^[0-9a-f-]{36}$/);
  expect(uptimeMs).toBeGreaterThan(0);
  expect(bootTime()).toEqual({ bootId, uptimeMs: expect.toSatisfy((later: number) => later >= uptimeMs) });
});
