// Random changes of live services, in the interpreter.
import { test } from "vitest";
import { playRandomCourses } from "./live/random.ts";

/** A machine that runs the virtual machine beside it needs more than usual. */
const TIME_LIMIT_MS = 120_000;

test(
  "whatever happens: a fresh start's maps, the table's counts, no connection lost",
  () => {
    playRandomCourses(15);
  },
  TIME_LIMIT_MS,
);
