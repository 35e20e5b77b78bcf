// The DSL's behaviour in the interpreter.

import { createMemoryHost } from "@yardmaster/ebpf/vm";
import { describeBehaviour } from "./behaviour.ts";

describeBehaviour("interpreter", createMemoryHost);
