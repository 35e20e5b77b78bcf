// Live services in the interpreter.
import { createMemoryHost } from "@yardmaster/ebpf/vm";
import { describeChanges } from "./live/changes.ts";
import { describeCourse } from "./live/course.ts";
import { describeHints } from "./live/hints.ts";
import { describeReconciling } from "./live/reconciling.ts";
import { describeRefusals } from "./live/refusals.ts";

describeChanges(() => createMemoryHost());
describeRefusals(() => createMemoryHost());
describeCourse(() => createMemoryHost());
describeReconciling(() => createMemoryHost());
describeHints(() => createMemoryHost());
