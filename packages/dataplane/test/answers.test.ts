// What the director answers by itself, on the interpreter.

import { createMemoryHost } from "@yardmaster/ebpf/vm";
import { describeAnswers } from "./answers.ts";

describeAnswers(() => createMemoryHost());
