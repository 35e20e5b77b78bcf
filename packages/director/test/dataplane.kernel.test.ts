// The control plane on the kernel.

import { createKernelHost } from "@yardmaster/ebpf/kernel";
import { describeDataplane } from "./dataplane-contract.ts";
import { describeKernel } from "./kernel-test.ts";

describeKernel("the control plane in the kernel", () => {
  describeDataplane({ create: () => createKernelHost(), manyEntries: 100_000 });
});
