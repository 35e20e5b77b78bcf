// Workload files: what they may hold, and that every fault is told at once and at its place.
import { ConfigurationError } from "@yardmaster/director/config";
import { expect, test } from "vitest";
import { readWorkloadFile } from "./workload-file.ts";

test("keys are the options, lists stand for commas, numbers for themselves", () => {
  const text = `
scheduler: [wlc, rr]
servers:
  - 4x weight=1
  - weight=4 speed=4
rate: 200/s
clients: 500
warmUp: 5s
`;
  expect(readWorkloadFile(text, "w.yaml")).toEqual({
    scheduler: "wlc, rr",
    servers: "4x weight=1, weight=4 speed=4",
    rate: "200/s",
    clients: "500",
    warmUp: "5s",
  });
});

function faultsOf(text: string): readonly string[] {
  try {
    readWorkloadFile(text, "w.yaml");
  } catch (error) {
    if (error instanceof ConfigurationError) return error.faults.map((at) => `${at.line}:${at.column} ${at.message}`);
    throw error;
  }
  return [];
}

test("all faults are told, each where it is", () => {
  expect(faultsOf("rate: 200\nschedular: rr\nservers: { weight: 1 }\nclients: [[1]]\nduration: 1m\n")).toEqual([
    '1:7 rate: "200" is no rate',
    '2:1 unknown key "schedular"',
    "3:10 servers must be a text, a number or a list of them, not a map",
    "4:10 clients must be a text, a number or a list of them, not a list",
  ]);
});

test("what is no map, and what is no YAML, is said to be none", () => {
  expect(faultsOf("- rr\n")).toEqual(["1:1 the file must be a map, not a list"]);
  expect(faultsOf("rate: [")[0]).toContain("not valid YAML");
  expect(faultsOf("")).toEqual(["1:1 the file holds no configuration"]);
});
