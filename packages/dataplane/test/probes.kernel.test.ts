// Health checks through the data plane, in the kernel.

import { createKernelHost } from "@yardmaster/ebpf/kernel";
import { afterAll } from "vitest";
import { describeKernel } from "./kernel-test.ts";
import { describeProbes } from "./probes.ts";
import { atTc, TestNetwork } from "./tc-host.ts";

describeKernel("checks in the kernel", () => {
  const network = new TestNetwork();
  afterAll(() => network[Symbol.dispose]());
  describeProbes(() => atTc(createKernelHost(), "whole", network));
});
