// The life of connections, on the interpreter.

import { createMemoryHost } from "@yardmaster/ebpf/vm";
import { describeLife } from "./life/life.ts";

describeLife(createMemoryHost);
