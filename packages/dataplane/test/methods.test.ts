// The forwarding methods on the interpreter.

import { createMemoryHost } from "@yardmaster/ebpf/vm";
import { describeMethods } from "./method-conformance.ts";

describeMethods(createMemoryHost);
