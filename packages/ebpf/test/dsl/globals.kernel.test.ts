// What the kernel's verifier makes of global functions: it walks through each once, however many ways lead to it.

import { expect, test } from "vitest";
import {
  type BpfMap,
  compile,
  fn,
  type FunctionOptions,
  Packet,
  type ProgramSpec,
  repeat,
  struct,
  u32,
  u8,
  variable,
  verdict,
  when,
  xdp,
} from "@yardmaster/ebpf";
import { createKernelHost, withoutGlobalContexts } from "@yardmaster/ebpf/kernel";

const Header = struct("header", { kind: u8 });
const CALLS = 6;

/** Instructions that the verifier walked through, for calls of a function of many paths from a program of many. */
function verified(options: FunctionOptions, change = (spec: ProgramSpec) => spec): number {
  const weigh = fn(
    "weigh",
    { packet: Packet, value: u32 },
    u32,
    ({ packet, value }) => {
      const { kind } = packet.read(Header).orReturn(0);
      const sum = variable(value);
      repeat(8, (bit) => when(kind.toU32().shr(bit).and(1).ne(0), () => sum.set(sum.get().mul(3).add(bit))));
      return sum.get();
    },
    options,
  );
  const spec = compile(
    xdp("weighing", (packet) => {
      const total = variable(u32(0));
      for (let call = 0; call < CALLS; call++) {
        when(packet.length().gt(60 + call), () => total.set(total.get().xor(weigh({ packet, value: total.get() }))));
      }
      return verdict(total.get().and(3));
    }),
  );
  using program = createKernelHost().loadProgram(change(spec), new Map<string, BpfMap>());
  return program.info.verifiedInstructions;
}

test("a function is walked through once, not at each call on each path", () => {
  const [once, again] = [verified({ isGlobal: true }), verified({})];
  expect(again).toBeGreaterThan(CALLS * once);
});

test("where the kernel has no types of its own, those that take the packet are as all others", () => {
  expect(verified({ isGlobal: true }, withoutGlobalContexts)).toBeGreaterThan(CALLS * verified({ isGlobal: true }));
});
