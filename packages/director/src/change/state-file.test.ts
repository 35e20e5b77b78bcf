// What a director leaves for the next one: written whole, and nothing is worse for a file that is wrong.
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { service } from "../../test/sample.ts";
import { type KeptState, StateFile } from "./state-file.ts";

const state: KeptState = {
  running: { text: "services: {}", edits: [{ do: "set", place: ["services", "web", "servers", 0], value: { a: 1 } }] },
  file: "services: {}",
  leaving: [{ kind: "server", service: service({ servers: [{ address: "10.0.0.1" }] }), leftMs: 5 }],
  savedAtMs: 1,
  pending: { before: "x", untilMs: 2, withinMs: 3 },
};

let folder = "";
let said: string[] = [];
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "yardmaster-state-"));
  said = [];
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const fileIn = (directory: string) => new StateFile(directory, (line) => said.push(line.replaceAll(folder, "FOLDER")));

test("comes back as it was written, and leaves no other file", () => {
  const directory = join(folder, "made");
  fileIn(directory).write({ ...state, savedAtMs: 0 });
  fileIn(directory).write(state);
  expect(fileIn(directory).read()).toEqual({ version: 1, ...JSON.parse(JSON.stringify(state)) });
  expect(readdirSync(directory)).toEqual(["state.json"]);
  expect(fileIn(join(folder, "other")).read()).toBeUndefined();
  expect(said).toEqual([]);
});

test("is set aside where it is damaged, truncated or of another version", () => {
  const path = join(folder, "state.json");
  fileIn(folder).write(state);
  const whole = readFileSync(path, "utf8");
  const damage = fc.oneof(
    fc.nat(whole.length - 1).map((length) => whole.slice(0, length)),
    fc.json(),
    fc.constant(whole.replace('"version":1', '"version":2')),
    fc.string(),
  );
  fc.assert(
    fc.property(damage, (text) => {
      said = [];
      writeFileSync(path, text);
      expect(fileIn(folder).read()).toBeUndefined();
      expect(said).toEqual([
        "reading FOLDER/state.json: it is damaged or of another version: set aside as FOLDER/state.json.damaged",
      ]);
      expect(readdirSync(folder)).toEqual(["state.json.damaged"]);
    }),
    { numRuns: 50 },
  );
});

test("that cannot be written is reported once, until it works again", () => {
  const directory = join(folder, "place");
  writeFileSync(directory, "a file");
  const file = fileIn(directory);
  for (const _ of [1, 2]) file.write(state);
  rmSync(directory);
  file.write(state);
  expect(said).toEqual([
    expect.stringMatching(/^writing FOLDER\/place\/state\.json: E.*a restart will know nothing of changes/),
    "writing FOLDER/place/state.json: works again",
  ]);
});
