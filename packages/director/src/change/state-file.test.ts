// What a director leaves for the next one: written whole, and nothing is worse for a file that is wrong.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, expect, test } from "vitest";
import { configuration, service } from "../../test/sample.ts";
import { serviceRecord } from "../live/records.ts";
import { plan } from "../plan/plan.ts";
import { beginWith } from "./beginning.ts";
import { Overlay } from "./overlay.ts";
import { type KeptState, StateFile } from "./state-file.ts";
import { Transitions } from "./transitions.ts";

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

test("comes back as it was written, and leaves no other file", async () => {
  const directory = join(folder, "made");
  await fileIn(directory).write({ ...state, savedAtMs: 0 });
  await fileIn(directory).write(state);
  expect(fileIn(directory).read()).toEqual({ version: 1, ...JSON.parse(JSON.stringify(state)) });
  expect(readdirSync(directory)).toEqual(["state.json"]);
  expect(fileIn(join(folder, "other")).read()).toBeUndefined();
  expect(said).toEqual([]);
});

test("is set aside where it is damaged, truncated or of another version", async () => {
  const path = join(folder, "state.json");
  await fileIn(folder).write(state);
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

const long = `services: {} # ${"long ".repeat(10_000)}`;
const withLong: KeptState = {
  ...state,
  running: { ...state.running, text: long },
  file: long,
  pending: { before: `${long}er`, untilMs: 2, withinMs: 3 },
};

test("long texts are in files of their own, which are written once and go when nobody names them", async () => {
  const file = fileIn(folder);
  await file.write(withLong);
  expect(fileIn(folder).read()).toEqual(JSON.parse(JSON.stringify({ version: 1, ...withLong })));
  const before = readdirSync(folder).filter((name) => name !== "state.json");
  expect(before).toHaveLength(2);
  expect(statSync(join(folder, "state.json")).size).toBeLessThan(2000);
  const isSame = before.map((name) => statSync(join(folder, name)).ino);
  const { pending: _, ...confirmed } = withLong;
  await file.write(withLong);
  expect(before.map((name) => statSync(join(folder, name)).ino)).toEqual(isSame);
  await file.write(confirmed);
  expect(readdirSync(folder)).toHaveLength(2);
  expect(fileIn(folder).read()?.file).toBe(long);
  await file.write(state);
  expect(readdirSync(folder)).toEqual(["state.json"]);
  expect(said).toEqual([]);
});

test.each(["truncated", "missing"] as const)("is set aside where a long text is %s", async (what) => {
  await fileIn(folder).write(withLong);
  const [name = ""] = readdirSync(folder).filter((one) => one !== "state.json");
  if (what === "missing") rmSync(join(folder, name));
  else truncateSync(join(folder, name), 1000);
  expect(fileIn(folder).read()).toBeUndefined();
  expect(said).toEqual([expect.stringMatching(/it is damaged or of another version: set aside/)]);
});

test("writes that are asked for at the same time are made one after the other", async () => {
  const file = fileIn(folder);
  await Promise.all([1, 2, 3].map((savedAtMs) => file.write({ ...withLong, savedAtMs })));
  expect(file.read()?.savedAtMs).toBe(3);
  expect(said).toEqual([]);
});

test("is set aside where it is huge", () => {
  const path = join(folder, "state.json");
  writeFileSync(path, "");
  truncateSync(path, 3 * 2 ** 30);
  expect(fileIn(folder).read()).toBeUndefined();
  expect(said).toEqual([expect.stringMatching(/it is damaged or of another version: set aside/)]);
});

const mark = { kind: "mark", mark: 7, rules: [{ prefix: "10.0.0.0/8", ports: "any", protocols: ["tcp"] }] } as const;
const wide = { kind: "wide", prefixes: ["fd00::/64"], ports: [{ first: 1, last: 9 }], protocol: "udp" } as const;
const leaving: KeptState["leaving"] = [
  ...state.leaving,
  { kind: "service", service: service({ name: "b", match: mark }), leftMs: 7 },
  { kind: "service", service: service({ name: "c", match: wide, servers: [{ address: "fd00::1" }] }), leftMs: 7 },
];

test("keeps whatever services there are", async () => {
  await fileIn(folder).write({ ...state, leaving });
  expect(fileIn(folder).read()?.leaving).toEqual(JSON.parse(JSON.stringify(leaving)));
});

test("with something else anywhere in it is set aside, or what it says of services can be gone on with", () => {
  const path = join(folder, "state.json");
  const places = placesOf(JSON.parse(JSON.stringify(leaving)));
  const something = fc.oneof(
    fc.jsonValue({ maxDepth: 1 }),
    fc.constantFrom("", "10.0.0.300", "::", -1, 1e300, 65_536, "any"),
  );
  const counts = { kept: 0, aside: 0 };
  fc.assert(
    fc.property(fc.constantFrom(...places), something, (place, value) => {
      const changed: unknown = JSON.parse(JSON.stringify({ version: 1, ...state, leaving }));
      put(changed, ["leaving", ...place], value);
      writeFileSync(path, JSON.stringify(changed));
      const read = fileIn(folder).read();
      counts[read === undefined ? "aside" : "kept"] += 1;
      if (read === undefined) return;
      const overlay = new Overlay();
      const options = { overlay, connectionsOf: () => 1, now: () => 0, report: () => undefined };
      const transitions = new Transitions(options);
      const begun = beginWith({ text: "services: {}", configuration: configuration([]) }, read, {
        ...{ parse: () => ({ configuration: configuration([]), warnings: [] }), report: () => undefined, nowMs: 5 },
      });
      transitions.resume(begun.leaving, []);
      const services = overlay.effective(transitions.withLeaving([]));
      plan(configuration(services), []);
      for (const one of services)
        serviceRecord({ definition: one, members: [], removed: [] }, { ticksPerSecond: 250, room: 16 });
    }),
    { numRuns: 400 },
  );
  expect(Math.min(counts.kept, counts.aside)).toBeGreaterThan(10);
});

type Place = readonly (string | number)[];

/** Every place in a value of JSON, as keys one within the other. */
function placesOf(value: unknown, at: Place = []): readonly Place[] {
  if (typeof value !== "object" || value === null) return [at];
  const keys = Array.isArray(value) ? [...value.keys()] : Object.keys(value);
  const inner = keys.flatMap((key) => placesOf((value as Record<string | number, unknown>)[key], [...at, key]));
  return at.length === 0 ? inner : [at, ...inner];
}

function put(value: unknown, place: Place, content: unknown): void {
  const [key = "", ...rest] = place;
  const owner = value as Record<string | number, unknown>;
  if (rest.length === 0) owner[key] = content;
  else put(owner[key], rest, content);
}

test("that cannot be written is reported once, until it works again", async () => {
  const directory = join(folder, "place");
  writeFileSync(directory, "a file");
  const file = fileIn(directory);
  for (const _ of [1, 2]) await file.write(state);
  rmSync(directory);
  await file.write(state);
  expect(said).toEqual([
    expect.stringMatching(/^writing FOLDER\/place\/state\.json: E.*a restart will know nothing of changes/),
    "writing FOLDER/place/state.json: works again",
  ]);
});
