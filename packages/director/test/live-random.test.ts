// Random changes of live services, in the interpreter.
import { test } from "vitest";
import { playRandomCourses } from "./live/random.ts";

test("whatever happens: a fresh start's maps, the table's counts, no connection lost", () => {
  playRandomCourses(15);
});
