// Live services in this kernel.
import { createKernelHost } from "@yardmaster/ebpf/kernel";
import { describeKernel } from "./kernel-test.ts";
import { describeChanges } from "./live/changes.ts";
import { describeCourse } from "./live/course.ts";
import { describeHints } from "./live/hints.ts";
import { describeReconciling } from "./live/reconciling.ts";
import { describeRefusals } from "./live/refusals.ts";

describeKernel("live services", () => {
  describeChanges(createKernelHost);
  describeRefusals(createKernelHost);
  describeCourse(createKernelHost);
  describeReconciling(createKernelHost);
  describeHints(createKernelHost);
});
