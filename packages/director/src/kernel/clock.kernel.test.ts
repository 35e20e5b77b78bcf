// The programs' clock in the kernel, against what the kernel says it was built with.

import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { createKernelHost } from "@yardmaster/ebpf/kernel";
import { expect, test } from "vitest";
import { describeKernel } from "../../test/kernel-test.ts";
import { TickClock, TickRate } from "./clock.ts";

/** CONFIG_HZ, where the kernel tells. */
function configuredRate(): number | undefined {
  try {
    const text = gunzipSync(readFileSync("/proc/config.gz")).toString("latin1");
    const rate = /^CONFIG_HZ=(\d+)$/mu.exec(text)?.[1];
    return rate === undefined ? undefined : Number(rate);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

describeKernel("the programs' clock", () => {
  test("its rate is the one that the kernel was built with", (context) => {
    const configured = configuredRate();
    if (configured === undefined) context.skip("the kernel has no /proc/config.gz");
    using rate = new TickRate(createKernelHost());
    expect(rate.perSecond()).toBe(configured);
  });

  test("it never goes back", () => {
    using clock = new TickClock(createKernelHost());
    const before = clock.moment();
    const after = clock.moment();
    expect(after.atNs).toBeGreaterThan(before.atNs);
    expect(after.ticks).toBeGreaterThanOrEqual(before.ticks);
    expect((clock.now() - Number(before.ticks & 0xffff_ffffn)) >>> 0).toBeLessThan(0x8000_0000);
  });
});
