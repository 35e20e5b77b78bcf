// The contract of succession, in the interpreter.
import { createMemoryHost } from "@yardmaster/ebpf/vm";
import { describeSuccession } from "./live/succession.ts";

describeSuccession(createMemoryHost);
