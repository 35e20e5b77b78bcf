// The packet scenarios in the kernel.

import { createKernelHost } from "@yardmaster/ebpf/kernel";
import { isGuest } from "./guest.ts";
import { describeKernel } from "./kernel-test.ts";
import { describeScenarios } from "./packets/run-scenarios.ts";

describeKernel("packets in the kernel", () => describeScenarios(createKernelHost, isGuest ? "of one program" : "all"));
