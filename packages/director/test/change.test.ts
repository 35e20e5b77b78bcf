// Changes of a configuration, in the interpreter.
import { createMemoryHost } from "@yardmaster/ebpf/vm";
import { test } from "vitest";
import { describeLeaving } from "./change/leaving.ts";
import { playSequences } from "./change/sequences.ts";

/** A machine that runs the virtual machine beside it needs more than usual. */
const TIME_LIMIT_MS = 120_000;

describeLeaving(() => createMemoryHost());

test(
  "any sequence of configurations comes to what a fresh start with the last one gives",
  () => {
    playSequences(25);
  },
  TIME_LIMIT_MS,
);
