// Runs before each kernel test file: a file that leaves a descriptor or a mapping open fails, and hears which.
import { assertNothingOpen } from "@yardmaster/linux";
import { afterAll } from "vitest";

// Hooks run last in, first out: this one, the first, runs after the file's own.
afterAll(assertNothingOpen);
