// What functions and loops of the DSL do; in any host.

import { expect, test } from "vitest";
import {
  be16,
  type BpfHost,
  choose,
  fn,
  guard,
  loop,
  repeat,
  stack,
  struct,
  u32,
  u64,
  variable,
  verdict,
  when,
} from "@yardmaster/ebpf";
import { observe } from "./observe.ts";

/** Registers the tests; `createHost` is called once for each. */
export function describeFunctions(createHost: () => BpfHost): void {
  test("a function: called twice, early return, a structure of its caller's frame, a verdict", () => {
    const Pair = struct("pair", { left: u32, right: u32 });
    const bigger = fn("bigger", { pair: Pair, least: u32, network: be16 }, u32, ({ pair, least, network }) => {
      guard(pair.left.ge(least)).orReturn(1);
      pair.right = pair.right.add(network.toHost());
      return choose(pair.left.gt(pair.right), pair.left, pair.right);
    });
    const { values, verdict: result } = observe(createHost(), (packet, keep) => {
      const pair = stack(Pair, { left: packet.length(), right: 100 });
      keep(bigger({ pair, least: u32(65), network: be16(1) }));
      keep(bigger({ pair, least: u32(64), network: be16(2) }));
      keep(pair.right);
      return verdict(packet.length().div(32));
    });
    expect(values).toEqual([1n, 102n, 102n]);
    expect(result).toBe(2);
  });

  test("loops: all rounds, a staged bound, leaving and going on early, one inside another", () => {
    const { values } = observe(createHost(), (packet, keep) => {
      const sum = variable(u32(0));
      repeat(5, (index) => sum.set(sum.get().add(index)));
      keep(sum.get());
      repeat({ times: packet.length().sub(61), atMost: 10 }, () => sum.set(sum.get().add(100)));
      keep(sum.get());
      repeat({ times: packet.length(), atMost: 10 }, (index, round) => {
        when(index.eq(1), () => round.next());
        when(index.eq(4), () => round.stop());
        sum.set(sum.get().add(1000));
      });
      keep(sum.get());
      const pairs = variable(u32(0));
      repeat(3, (outer, outside) =>
        repeat(3, (inner) => {
          when(outer.eq(2).and(inner.eq(1)), () => outside.stop());
          pairs.set(pairs.get().mul(4).add(inner));
        }),
      );
      keep(pairs.get());
    });
    expect(values).toEqual([10n, 310n, 3310n, 0b00_01_10_00_01_10_00n]);
  });

  test("the kernel's own loop: a body in a function of its own", () => {
    const Progress = struct("progress", { sum: u64, stopAt: u32 });
    const { values } = observe(createHost(), (packet, keep) => {
      const progress = stack(Progress, { sum: 0n, stopAt: packet.length() });
      loop("body", u32(1000), Progress, progress, (index, state) => {
        state.sum = state.sum.add(index);
        guard(index.lt(state.stopAt)).orReturn(1);
      });
      keep(progress.sum);
    });
    expect(values).toEqual([2080n]);
  });
}
