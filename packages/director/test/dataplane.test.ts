// The control plane on the interpreter.

import { createMemoryHost } from "@yardmaster/ebpf/vm";
import { describeDataplane } from "./dataplane-contract.ts";

describeDataplane({ create: () => createMemoryHost(), manyEntries: 10_000 });
