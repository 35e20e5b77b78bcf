// The life of connections, in the kernel.

import { createKernelHost } from "@yardmaster/ebpf/kernel";
import { describeKernel } from "./kernel-test.ts";
import { describeLife } from "./life/life.ts";

describeKernel("the life of connections in the kernel", () => describeLife(createKernelHost));
