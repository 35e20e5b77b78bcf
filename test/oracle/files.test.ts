// What files are taken for, by what stands in them; and that nothing in them is passed over.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { abilitiesFor, listFiles, readContent, UnreadableFile } from "./load-files.ts";
import { connectResult, connectStep, scenarioJson, vectorJson } from "./samples.ts";
import { parseScenario } from "./scenario-file.ts";
import { parseVector } from "./vector-file.ts";

const folder = mkdtempSync(join(tmpdir(), "oracle-files-"));
afterAll(() => rmSync(folder, { recursive: true }));

let written = 0;
function file(content: unknown, name = `${written++}.json`): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === "string" ? content : JSON.stringify(content));
  return path;
}

const whole = scenarioJson({ steps: [connectStep], results: [connectResult] });

describe("a file is", () => {
  test("a scenario, a packet vector or an index, whatever it is called", () => {
    expect(readContent(file(whole, "index.json")).kind).toBe("scenario");
    expect(readContent(file(vectorJson(), "scenario.txt")).kind).toBe("vector");
    expect(readContent(file([{ file: "scenarios/a.json" }], "packets.json"))).toEqual({ kind: "index", rows: 1 });
  });

  test.each(["7", "null", "[]x", '{"steps": []}', '[{"name": "a"}]'])("refused when it is neither: %s", (text) => {
    expect(() => readContent(file(text))).toThrow(text === "[]x" ? "reading " : "neither a scenario");
  });

  test("unreadable when it is not there or holds no JSON", () => {
    expect(() => readContent(join(folder, "absent"))).toThrow(UnreadableFile);
    expect(() => readContent(file("{"))).toThrow(UnreadableFile);
  });
});

describe("arguments", () => {
  test("are files as they are, and folders with all .json below, each once", () => {
    const below = join(folder, "set/deep");
    mkdirSync(below, { recursive: true });
    const [a, b] = [file("1", "set/a.json"), file("2", "set/deep/b.json")];
    file("3", "set/README.md");
    expect(listFiles([join(folder, "set"), a])).toEqual([a, b]);
    expect(listFiles([b, below])).toEqual([b]);
    expect(listFiles([file("3", "set/README.md")])).toHaveLength(1);
  });

  test("that are not there, or hold nothing, are refused", () => {
    mkdirSync(join(folder, "empty"));
    expect(() => listFiles([join(folder, "absent")])).toThrow(UnreadableFile);
    expect(() => listFiles([join(folder, "empty")])).toThrow("it holds no .json file");
  });
});

describe("nothing is passed over", () => {
  const step = (change: object) => ({ ...whole, steps: [{ ...connectStep, ...change }] });
  const result = (change: object) => ({ ...whole, results: [{ ...connectResult, ...change }] });

  test.each([
    ["an unknown op", step({ op: "explode" }), "steps[0].op: unknown op"],
    ["an unknown field of a step", step({ colour: "red" }), 'steps[0]: Unrecognized key: "colour"'],
    ["an unknown observation", result({ mood: "good" }), 'results[0]: Unrecognized key: "mood"'],
    ["an unknown field", { ...whole, weather: "fair" }, 'Unrecognized key: "weather"'],
    ["an unknown mode", { ...whole, mode: "fullnat" }, "mode: "],
    [
      "an unknown field of a server",
      { ...whole, servers: [{ address: "10.2.0.11", port: 80, weight: 1, x: 1 }] },
      "servers[0]: ",
    ],
    ["an unknown thing to record", { ...whole, record: ["weather"] }, "record[0]: "],
    ["a missing result", { ...whole, results: [] }, "1 steps but 0 results"],
    ["a wrong type", step({ sport: "1025" }), "steps[0].sport: "],
  ])("%s", (_what, json, message) => {
    expect(() => parseScenario(json)).toThrow(message);
  });

  test("in packet vectors either", () => {
    expect(() => parseVector(vectorJson({ colour: "red" }))).toThrow('Unrecognized key: "colour"');
    expect(() => parseVector(vectorJson({ exchanges: [{ out: [{ side: "c", frame: "0g" }] }] }))).toThrow("is not hex");
  });

  test("many faults are told as five and a number", () => {
    const faults = { ...whole, a: 1, steps: Array.from({ length: 9 }, () => ({ op: "x" })) };
    expect(() => parseScenario(faults)).toThrow("; and 5 more");
  });
});

test("a replay needs the forwarding modes of all its servers, and synchronisation where a daemon is started", () => {
  const scenario = (json: object) => ({ kind: "scenario" as const, scenario: parseScenario(json) });
  const edit = { op: "edit_server", server: "10.2.0.11:80", set: { mode: "tun" } };
  expect([...abilitiesFor(scenario(whole))]).toEqual(["forwarding by dr"]);
  expect([...abilitiesFor(scenario({ ...whole, steps: [edit] }))]).toEqual(["forwarding by dr", "forwarding by tun"]);
  const ipvsadm = [
    "-A -t 10.3.0.1:80",
    "-a -t 10.3.0.1:80 -r 10.2.0.11 -i",
    "-a -t 10.3.0.1:80 -r 10.2.0.12 -m",
    "--start-daemon master --mcast-interface s1",
  ];
  const vector = { kind: "vector" as const, vector: parseVector(vectorJson({ ipvsadm })) };
  expect([...abilitiesFor(vector)]).toEqual(["forwarding by tun", "forwarding by nat", "synchronisation"]);
});
