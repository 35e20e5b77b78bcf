// The contract of succession in this kernel.
import { createKernelHost } from "@yardmaster/ebpf/kernel";
import { describeKernel } from "./kernel-test.ts";
import { describeSuccession } from "./live/succession.ts";

describeKernel("succession", () => describeSuccession(createKernelHost));
