// Faults of one file: many of one kind leave room for the other.
import { expect, test } from "vitest";
import { Source } from "./source.ts";

const text = { code: "YM_CONFIG_REPLIES", hint: "…" };

test("errors are heard of behind more warnings than anybody reads", () => {
  const source = new Source("services: {}\n", "file");
  for (let at = 0; at < 20_000; at++) source.warnAt([], { ...text, message: `server ${at} is behind a router` });
  source.errorAtOffset(3, { ...text, message: "an error" });
  const { faults } = source;
  expect(faults.filter(({ severity }) => severity === "error")).toMatchObject([{ message: "an error" }]);
  expect(faults).toHaveLength(1_001);
});

test("the same at one place is one fault", () => {
  const source = new Source("services: {}\n", "file");
  for (let at = 0; at < 20_000; at++) source.errorAtOffset(0, { ...text, message: "twice" });
  source.errorAtOffset(0, { ...text, message: "and another" });
  expect(source.faults).toHaveLength(2);
});
