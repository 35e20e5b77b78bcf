// The programs' clock on the interpreter, where a test can say how fast time goes.

import { createMemoryHost, JIFFIES_PER_SECOND } from "@yardmaster/ebpf/vm";
import { expect, it } from "vitest";
import { TickClock, TickRate } from "./clock.ts";

it("tells the low 32 bits of the ticks, and both times of one moment", () => {
  let ticks = 0x1_ffff_fff0n;
  using clock = new TickClock(createMemoryHost({ now: () => ticks }));
  expect(clock.now()).toBe(0xffff_fff0);
  ticks += 0x20n;
  expect(clock.now()).toBe(0x10);
  expect(clock.moment()).toEqual({ ticks, atNs: (ticks * 1_000_000_000n) / BigInt(JIFFIES_PER_SECOND) });
});

it("measures a rate that the kernel can be built with", () => {
  using rate = new TickRate(createMemoryHost());
  expect(rate.perSecond()).toBe(JIFFIES_PER_SECOND);
});

it("goes by the kernel's own time, however long this process was kept from asking", () => {
  let ticks = 1000n;
  using rate = new TickRate(createMemoryHost({ now: () => ticks }));
  // Ten seconds, however short the test.
  ticks += 10n * BigInt(JIFFIES_PER_SECOND);
  expect(rate.perSecond()).toBe(JIFFIES_PER_SECOND);
});

it("refuses to guess about a clock that stands still", () => {
  using rate = new TickRate(createMemoryHost({ now: () => 7n }));
  expect(() => rate.perSecond()).toThrow("measuring the programs' clock: it stands still");
});
