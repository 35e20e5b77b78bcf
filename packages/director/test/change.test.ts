// Changes of a configuration, in the interpreter.
import { createMemoryHost } from "@yardmaster/ebpf/vm";
import { describeLeaving } from "./change/leaving.ts";

describeLeaving(() => createMemoryHost());
