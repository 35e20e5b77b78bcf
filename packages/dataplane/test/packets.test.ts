// The packet scenarios on the interpreter.

import { createMemoryHost } from "@yardmaster/ebpf/vm";
import { describeScenarios } from "./packets/run-scenarios.ts";

describeScenarios(createMemoryHost);
