// What a director begins with after another: the file, or what ran.
import { expect, test } from "vitest";
import { webFile } from "../../test/change/kept.ts";
import { parseConfiguration } from "../config/parse-configuration.ts";
import { beginWith } from "./beginning.ts";
import type { KeptState } from "./state-file.ts";

const parse = (text: string) => parseConfiguration(text, "y.yaml");
const file = { text: webFile, configuration: parse(webFile).configuration };
const heavy = webFile.replace("weight: 2", "weight: 5");
const light = webFile.replace("weight: 2", "weight: 1");
const edited = { do: "set", place: ["services", "web", "servers", 0, "weight"], value: 7 } as const;
const kept = (changes: Partial<KeptState> = {}): KeptState => ({
  ...{ running: { text: webFile, edits: [] }, file: webFile, leaving: [], savedAtMs: 0 },
  ...changes,
});

function begin(state: KeptState | undefined, nowMs = 0) {
  const said: string[] = [];
  const begun = beginWith(file, state, { parse, report: (line) => said.push(line), nowMs });
  const weight = begun.configuration.services[0]?.servers[0]?.weight;
  return {
    weight,
    before: begun.before?.[0]?.servers[0]?.weight,
    pending: begun.pending,
    said,
    leaving: begun.leaving,
  };
}

test("the file, where nothing else ran", () => {
  expect(begin(undefined)).toMatchObject({ weight: 2, said: [] });
  expect(begin(kept())).toMatchObject({ weight: 2, said: [] });
});

test("what ran, with the changes that were made meanwhile, until the file is another", () => {
  const running = { text: heavy, edits: [edited] };
  expect(begin(kept({ running }))).toMatchObject({ weight: 7, said: [expect.stringMatching(/^going on with/)] });
  expect(begin(kept({ running, file: light }))).toMatchObject({ weight: 2, before: 7, said: [] });
});

test("the file, where what ran is refused by now", () => {
  expect(begin(kept({ running: { text: "services: 5", edits: [] } }))).toMatchObject({
    weight: 2,
    said: [expect.stringMatching(/^what ran before is refused now, the file counts/)],
  });
});

test("what waits to be confirmed goes on waiting, or is taken back", () => {
  const pending = { before: light, untilMs: 1000, withinMs: 1000 };
  const state = kept({ running: { text: heavy, edits: [] }, pending });
  expect(begin(state, 999)).toMatchObject({ weight: 5, pending, said: [] });
  const late = begin(state, 1000);
  expect(late).toMatchObject({ weight: 1, before: 5, said: [expect.stringMatching(/taken back/)] });
  expect(late.pending).toBeUndefined();
});

test("what leaves has as much less time as has gone by; a clock that went back gives none", () => {
  const leaving = [{ kind: "service" as const, service: file.configuration.services[0] ?? never(), leftMs: 5000 }];
  const left = (nowMs: number) => begin(kept({ leaving, savedAtMs: 10_000 }), nowMs).leaving[0]?.leftMs;
  expect([left(12_000), left(99_000), left(0)]).toEqual([3000, 0, 5000]);
});

function never(): never {
  throw new Error("there is a service");
}
