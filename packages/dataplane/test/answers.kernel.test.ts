// What the director answers by itself, in the kernel.

import { createKernelHost } from "@yardmaster/ebpf/kernel";
import { describeAnswers } from "./answers.ts";
import { describeKernel } from "./kernel-test.ts";

describeKernel("answers in the kernel", () => describeAnswers(() => createKernelHost()));
