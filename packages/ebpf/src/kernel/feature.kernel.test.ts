// Probes against the kernel. The check against rot: on a kernel newer than its version a probe must not say no,
// or the probe, not the kernel, is broken.

import { assertNothingOpen } from "@yardmaster/linux";
import { afterEach, expect, test } from "vitest";
import { isKernelAtLeast } from "./feature.ts";
import { bpfAccessProblem, features, hasHelper } from "./features.ts";
import { describeKernel } from "../../test/kernel-test.ts";

describeKernel("features of the kernel", () => {
  afterEach(assertNothingOpen);

  test.each(Object.entries(features))("%s: the probe has not rotted", (_name, probe) => {
    if (isKernelAtLeast(probe.minimumVersion)) expect(probe.isSupported()).toBe(true);
    else expect(typeof probe.isSupported()).toBe("boolean");
  });

  test("helpers depend on the type of program", () => {
    expect(hasHelper("xdp", "xdp_adjust_head")).toBe(true);
    expect(hasHelper("xdp", "skb_store_bytes")).toBe(false);
    expect(hasHelper("sched_cls", "skb_store_bytes")).toBe(true);
    expect(hasHelper("syscall", "map_delete_elem")).toBe(true);
    expect(() => hasHelper("xdp", "no_such_helper")).toThrow(RangeError);
  });

  test("access is granted here", () => {
    expect(bpfAccessProblem()).toBeUndefined();
  });
});
