// The DSL's behaviour in the kernel.

import { createKernelHost } from "@yardmaster/ebpf/kernel";
import { describeBehaviour } from "./behaviour.ts";

describeBehaviour("kernel", createKernelHost);
