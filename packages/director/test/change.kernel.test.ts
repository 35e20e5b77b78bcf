// Changes of a configuration, in this kernel.
import { createKernelHost } from "@yardmaster/ebpf/kernel";
import { describeLeaving } from "./change/leaving.ts";
import { describeKernel } from "./kernel-test.ts";

describeKernel("changes", () => describeLeaving(createKernelHost));
