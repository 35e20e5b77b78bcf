// The schedulers in the kernel.

import { createKernelHost } from "@yardmaster/ebpf/kernel";
import { isGuest } from "./guest.ts";
import { describeKernel } from "./kernel-test.ts";
import { describeSchedulers, describeTogether } from "./schedule-conformance.ts";

describeKernel("schedulers in the kernel", () => {
  if (isGuest) describeTogether(createKernelHost);
  else describeSchedulers(createKernelHost);
});
