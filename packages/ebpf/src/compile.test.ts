// From definition to specification: the same bytes each time, functions that nobody calls left out, and the
// mistakes that show only when a whole program is there.

import { describe, expect, test } from "vitest";
import { disassemble, encode } from "./asm/index.ts";
import { compile } from "./compile.ts";
import { BuildError } from "./dsl/build-error.ts";
import { repeat, when } from "./dsl/control.ts";
import { arrayMap, stack } from "./dsl/map.ts";
import { fn } from "./dsl/function.ts";
import { Packet } from "./dsl/packet.ts";
import { xdp } from "./dsl/program.ts";
import type { Int } from "./dsl/scalar.ts";
import { struct } from "./dsl/struct.ts";
import { bytes, u32, u64 } from "./dsl/types.ts";
import { pass, verdict } from "./dsl/verdict.ts";

const Counter = struct("counter", { count: u64 });

function failure(body: () => unknown): BuildError {
  try {
    body();
  } catch (error) {
    if (error instanceof BuildError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

test("two compiles give the same bytes", () => {
  const counters = arrayMap("counters", Counter, 4);
  const double = fn("double", { value: u32 }, u32, ({ value }) => value.add(value));
  const program = xdp("pure", (packet) => {
    const counter = counters.lookup(packet.length().and(3)).orDrop({ name: "none", code: 0 });
    counter.count = counter.count.add(double({ value: packet.length() }));
    return pass();
  });
  const [first, second] = [compile(program), compile(program)];
  const bytesOf = ({ instructions }: typeof first) => encode(instructions, () => ({ fd: 7 }));
  expect(bytesOf(second)).toEqual(bytesOf(first));
  expect(second.btf).toEqual(first.btf);
  expect(second.maps).toEqual(first.maps);
});

test("a function that only unreachable code calls is left out: the verifier would refuse it", () => {
  const unused = fn("unused", { value: u32 }, u32, ({ value }) => value);
  const spec = compile(
    xdp("p", () => {
      when(u32(1).eq(2), () => void unused({ value: u32(3) }));
      return pass();
    }),
  );
  expect(disassemble(spec.instructions)).toBe("   0: r0 = 2\n   1: exit\n");
});

describe("stack", () => {
  const big = (size: number) => struct("big", { content: bytes(size) });
  const fill = (size: number) => {
    const type = big(size);
    return stack(type, { content: new Uint8Array(size) });
  };

  test("one function may have 512 bytes", () => {
    const program = (size: number) =>
      xdp("p", () => {
        fill(size);
        return pass();
      });
    expect(() => compile(program(512))).not.toThrow();
    expect(failure(() => compile(program(513)))).toMatchObject({
      code: "YM_BUILD_FRAME",
      message: expect.stringContaining('function "p" needs 520 bytes of stack, a function has 512'),
    });
  });

  test("so may a chain of calls together", () => {
    const inner = fn("inner", { value: u32 }, u32, ({ value }) => {
      fill(300);
      return value;
    });
    const outer = fn("outer", { value: u32 }, u32, ({ value }) => inner({ value }));
    const program = xdp("p", () => {
      fill(200);
      return verdict(outer({ value: u32(1) }));
    });
    expect(failure(() => compile(program))).toMatchObject({
      code: "YM_BUILD_FRAME",
      message: expect.stringContaining(
        "the calls p (224) → outer (32) → inner (320) need 576 bytes of stack together, they have 512",
      ),
    });
  });
});

test("the linkage of global functions that take the context is where the specification says; of no others", () => {
  const one = fn("one", { packet: Packet }, u32, ({ packet }) => packet.length(), { isGlobal: true });
  const two = fn("two", { value: u32 }, u32, ({ value }) => value.add(1), { isGlobal: true });
  const three = fn("three", { packet: Packet, value: u32 }, u32, ({ value }) => value.add(2), { isGlobal: true });
  const { btf } = compile(
    xdp("p", (packet) =>
      verdict(
        one({ packet })
          .add(two({ value: u32(1) }))
          .add(three({ packet, value: u32(2) })),
      ),
    ),
  );
  const view = new DataView(btf?.blob.buffer as ArrayBuffer);
  const found = btf?.contextFunctions?.map((at) => [view.getUint16(at, true), view.getUint8(at + 3)]);
  const [GLOBAL, FUNCTION] = [1, 12];
  expect(found).toEqual([
    [GLOBAL, FUNCTION],
    [GLOBAL, FUNCTION],
  ]);
});

test("calls are at most eight functions deep, the program among them", () => {
  const chain = (length: number) => {
    let call = fn("f0", { value: u32 }, u32, ({ value }) => value);
    for (let depth = 1; depth < length; depth++) {
      const next = call;
      call = fn(`f${depth}`, { value: u32 }, u32, ({ value }) => next({ value }));
    }
    return xdp("p", () => verdict(call({ value: u32(1) })));
  };
  expect(() => compile(chain(7))).not.toThrow();
  expect(failure(() => compile(chain(8)))).toMatchObject({
    code: "YM_BUILD_FRAME",
    message: expect.stringContaining("the calls p → f7 → f6 → f5 → f4 → f3 → f2 → f1 → f0 are 9 deep, 8 is the most"),
  });
});

describe("values of a branch", () => {
  test("one that is read behind its branch is refused, naming both places", () => {
    const program = xdp("p", (packet) => {
      let length: Int<"u32"> = u32(0);
      when(packet.ingressIfindex().eq(3), () => {
        length = packet.length();
      });
      return verdict(length.add(1));
    });
    const error = failure(() => compile(program));
    expect(error.code).toBe("YM_BUILD_BRANCH");
    expect(error.message).toMatch(
      /compile\.test\.ts:\d+:29: the value read here, made at .*compile\.test\.ts:\d+:25, does not exist on every way/,
    );
  });

  test("so is one made in a round of a loop", () => {
    const program = xdp("p", () => {
      let last: Int<"u32"> = u32(0);
      repeat(3, (index) => {
        last = index.add(1);
      });
      return verdict(last);
    });
    expect(failure(() => compile(program)).code).toBe("YM_BUILD_BRANCH");
  });

  test("a branch that is never taken takes its readers along", () => {
    const program = xdp("p", (packet) => {
      let length: Int<"u32"> = u32(0);
      when(u32(1).eq(1), () => {
        length = packet.length();
      });
      return verdict(length.add(1));
    });
    expect(() => compile(program)).not.toThrow();
  });
});
