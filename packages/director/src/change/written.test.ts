// The configuration as it is written, under changes: what a person wrote stays as it was written.
import { expect, test } from "vitest";
import { parse } from "yaml";
import { type Edit, Written } from "./written.ts";

const file = `# ours
services:
  web:   # the shop
    address: 198.51.100.10
    port: 80
    servers:
      - { address: 10.0.0.11,   weight: 2 } # fast
      - address: 10.0.0.12
        weight: 30
      - { address: 10.0.0.13 }
`;
const weightOf = (at: number, value: unknown): Edit => ({
  do: "set",
  place: ["services", "web", "servers", at, "weight"],
  value,
});

test("another weight changes nothing but the number", () => {
  const written = new Written(file).with(weightOf(0, 105)).with(weightOf(1, 4)).with(weightOf(0, 7));
  expect(written.text).toBe(file.replace("weight: 2", "weight: 7").replace("weight: 30", "weight: 4"));
  expect(written.parts).toEqual({ text: written.text, edits: [] });
});

test.each<[string, string, Edit]>([
  ["one that is not written there", file, weightOf(2, 5)],
  ["one in a file with anchors", file.replace("weight: 2", "weight: &two 2"), weightOf(1, 5)],
  ["one in quotes", file.replace("weight: 30", 'weight: "30"'), weightOf(1, 5)],
  ["one in JSON", JSON.stringify(parse(file)), weightOf(0, 5)],
  ["something that is no number", file, weightOf(1, "heavy")],
])("%s is put in all the same", (_, text, edit) => {
  const before = parse(text) as { services: { web: { servers: object[] } } };
  const at = edit.place[3] as number;
  const value = edit.do === "set" ? edit.value : undefined;
  before.services.web.servers[at] = { ...before.services.web.servers[at], weight: value };
  expect(parse(new Written(text).with(edit).text)).toEqual(before);
});

test("a place that there is not is refused", () => {
  const edit = { do: "set", place: ["services", "mail", "servers", 0, "weight"], value: 5 } as const;
  expect(() => new Written(file).with(edit).text).toThrow(/the file does not have it written there/);
});
