// Unwrapping in the kernel.
import { createKernelHost } from "@yardmaster/ebpf/kernel";
import { describeKernel } from "../../test/kernel-test.ts";
import { testUnwrapping } from "../../test/unwrap-behaviour.ts";

describeKernel("unwrapping", () => testUnwrapping(createKernelHost, 2000));
