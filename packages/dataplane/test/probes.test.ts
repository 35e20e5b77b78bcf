// Health checks through the data plane, on the interpreter: answers come to programs of either hook.

import { createMemoryHost } from "@yardmaster/ebpf/vm";
import { describe } from "vitest";
import { describeProbes } from "./probes.ts";
import { atTc } from "./tc-host.ts";

describe("at XDP", () => describeProbes(createMemoryHost));
describe.each(["whole", "pending", "complete"] as const)("at tc, checksums %s", (mode) => {
  describeProbes(() => atTc(createMemoryHost(), mode));
});
