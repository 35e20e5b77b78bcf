// The schedulers in the kernel.

import { createKernelHost } from "@yardmaster/ebpf/kernel";
import { describeKernel } from "./kernel-test.ts";
import { describeSchedulers } from "./schedule-conformance.ts";

describeKernel("schedulers in the kernel", () => describeSchedulers(createKernelHost));
