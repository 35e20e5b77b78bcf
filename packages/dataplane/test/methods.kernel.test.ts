// The forwarding methods in the kernel.

import { createKernelHost } from "@yardmaster/ebpf/kernel";
import { describeKernel } from "./kernel-test.ts";
import { describeMethods } from "./method-conformance.ts";

describeKernel("forwarding methods in the kernel", () => describeMethods(createKernelHost));
