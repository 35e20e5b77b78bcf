// The schedulers on the interpreter.

import { createMemoryHost } from "@yardmaster/ebpf/vm";
import { describeSchedulers } from "./schedule-conformance.ts";

describeSchedulers(createMemoryHost);
