// What the virtual machine leaves out is there, and says why.
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { leftOutOfGuest, partlyLeftOutOfGuest } from "./left-out.ts";

test.each(Object.entries({ ...leftOutOfGuest, ...partlyLeftOutOfGuest }))("%s", (file, reason) => {
  expect(existsSync(resolve(import.meta.dirname, "../..", file))).toBe(true);
  expect(reason).toMatch(/^.{20,}$/);
});
