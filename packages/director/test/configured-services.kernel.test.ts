// Configuration files played in the kernel.

import { createKernelHost } from "@yardmaster/ebpf/kernel";
import { describeConfiguredServices } from "./configured-services.ts";
import { describeKernel } from "./kernel-test.ts";

describeKernel("configured services in the kernel", () => {
  describeConfiguredServices({ create: () => createKernelHost() });
});
