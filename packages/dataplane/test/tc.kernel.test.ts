// The data plane at tc, in the kernel: the suites that XDP's programs pass.

import { createKernelHost } from "@yardmaster/ebpf/kernel";
import { afterAll } from "vitest";
import { isGuest } from "./guest.ts";
import { describeKernel } from "./kernel-test.ts";
import { describeMethods } from "./method-conformance.ts";
import { describeScenarios } from "./packets/run-scenarios.ts";
import { atTc, TestNetwork } from "./tc-host.ts";

describeKernel("at tc in the kernel", () => {
  const network = new TestNetwork();
  afterAll(() => network[Symbol.dispose]());
  const createHost = () => atTc(createKernelHost(), "whole", network);
  if (!isGuest) describeScenarios(createHost);
  describeMethods(createHost);
});
