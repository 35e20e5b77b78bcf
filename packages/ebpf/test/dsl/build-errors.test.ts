// What tsc cannot see is caught while the program is built: each mistake has a code, words that help, and the
// place in the program's own file; both places where there are two.

import { describe, expect, test } from "vitest";
import {
  arrayMap,
  be16,
  be32,
  type BuildError,
  bytes,
  callHelper,
  compile,
  drop,
  fn,
  guard,
  hashMap,
  type Int,
  leave,
  list,
  type Packet,
  pass,
  type Reference,
  referenceVariable,
  repeat,
  returnValue,
  stack,
  struct,
  u16,
  u32,
  u64,
  u8,
  variable,
  verdict,
  viewAs,
  when,
  xdp,
} from "@yardmaster/ebpf";
import { failure, thrown } from "./build-failure.ts";
import { placeOf } from "./source-place.ts";

const Word = struct("word", { value: u32 });
const Header = struct("header", { kind: u8, length: u8, port: be16, address: be32 });
const words = arrayMap("words", Word, 4);

/** Asserts code, text and the place of `snippet`, which must be the only one in this file. */
function expectFailure(error: BuildError, code: string, words: string | RegExp, snippet: string, at = snippet): void {
  expect(error.code).toBe(code);
  const place = placeOf(import.meta.url, snippet, at);
  expect(error.message.slice(0, place.length + 2)).toBe(`${place}: `);
  expect(error.message).toMatch(words);
  expect(error.position).toMatchObject({ file: place.split(":")[0] });
}

describe("coercion", () => {
  const misuse = (use: (value: Int<"u32">) => unknown) =>
    failure((packet) => {
      use(packet.length());
      return pass();
    });

  test("comparing with JavaScript's operators", () => {
    const error = misuse((compared) => (compared as unknown as number) < 3);
    expectFailure(
      error,
      "YM_BUILD_COERCION",
      /write a\.lt\(b\).* instead of a < b/,
      "(compared as unknown as number) < 3",
      "< 3",
    );
  });

  test("computing, loosely comparing, and putting into text", () => {
    const computed = misuse((left) => (left as unknown as number) + 1);
    expectFailure(computed, "YM_BUILD_COERCION", "a staged value was used", "(left as unknown as number) + 1", "+ 1");
    // oxlint-disable-next-line eqeqeq
    const equal = misuse((loose) => (loose as unknown) == 3);
    expectFailure(equal, "YM_BUILD_COERCION", "a staged value was used", "(loose as unknown) == 3", "== 3");
    const text = misuse((printed) => `${printed as unknown as string}`);
    expectFailure(text, "YM_BUILD_COERCION", "a staged value was used", "`${printed as", "`${printed");
  });

  test("a condition, and something that may be absent", () => {
    const condition = misuse((value) => (value.eq(1) as unknown as number) | 0);
    expectFailure(
      condition,
      "YM_BUILD_COERCION",
      /use a\.and\(b\), a\.or\(b\), a\.not\(\)/,
      "(value.eq(1) as unknown as number) | 0",
      "| 0",
    );
    const absent = misuse((value) => `${words.lookup(value) as unknown as string}?`);
    expectFailure(
      absent,
      "YM_BUILD_COERCION",
      /use \.then\(…\) or \.orPass\(\)/,
      "`${words.lookup(value)",
      "lookup(value)",
    );
  });
});

describe("values and the functions they belong to", () => {
  test("outside a program", () => {
    const error = thrown(() => words.lookup(u32(0)));
    expectFailure(error, "YM_BUILD_OUTSIDE", "inside xdp(…) or fn(…)", "words.lookup(u32(0))", "lookup(u32");
    expect(thrown(() => stack(Word, { value: 1 })).code).toBe("YM_BUILD_OUTSIDE");
  });

  test("a value that outlives its program", () => {
    let kept: Int<"u32"> = u32(0);
    compile(
      xdp("first", (packet) => {
        kept = packet.length();
        return pass();
      }),
    );
    expect(thrown(() => kept.add(1)).code).toBe("YM_BUILD_OUTSIDE");
    const error = failure(() => verdict(kept.add(2)));
    expectFailure(error, "YM_BUILD_FOREIGN", 'belongs to function "first", not to "p"', "kept.add(2)", "add(2)");
    expect(error.message).toContain(
      `this value (made at ${placeOf(import.meta.url, "kept = packet.length()", "length()")})`,
    );
  });

  /** A program whose function `inner` has `body`, which may reach for what the program has. */
  const withFunction = (body: (packet: Packet) => Int<"u32">) =>
    failure((packet) => {
      const inner = fn("inner", { ignored: u32 }, u32, () => body(packet));
      return verdict(inner({ ignored: u32(1) }));
    });

  test("in another function: values, conditions, variables", () => {
    const value = failure((packet) => {
      const outside = packet.ingressIfindex();
      const inner = fn("inner", { given: u32 }, u32, ({ given }) => given.add(outside));
      return verdict(inner({ given: u32(1) }));
    });
    expectFailure(
      value,
      "YM_BUILD_FOREIGN",
      'belongs to function "p", not to "inner"; pass it',
      "given.add(outside)",
      "add(",
    );
    expect(value.message).toContain(placeOf(import.meta.url, "outside = packet.ingressIfindex()", "ingressIfindex"));
    const condition = failure((packet) => {
      const isLong = packet.length().gt(100);
      const inner = fn("inner", { given: u32 }, u32, ({ given }) => {
        when(isLong, () => returnValue(0));
        return given;
      });
      return verdict(inner({ given: u32(1) }));
    });
    expectFailure(condition, "YM_BUILD_FOREIGN", "this condition", "when(isLong,");
    const changed = failure(() => {
      const count = variable(u32(0));
      const inner = fn("inner", { given: u32 }, u32, ({ given }) => {
        count.set(given);
        return given;
      });
      return verdict(inner({ given: u32(1) }));
    });
    expectFailure(
      changed,
      "YM_BUILD_FOREIGN",
      'this variable belongs to function "p"',
      "count.set(given)",
      "set(given)",
    );
  });

  test("in another function: packets, cursors, references, narrowed values on their way to memory", () => {
    expect(withFunction((packet) => packet.read(Word).orReturn(0).value)).toMatchObject({ code: "YM_BUILD_FOREIGN" });
    expect(withFunction((packet) => packet.cursorAt(0).read(Word).orReturn(0).value).code).toBe("YM_BUILD_FOREIGN");
    expect(withFunction((packet) => packet.length()).code).toBe("YM_BUILD_FOREIGN");
    expect(withFunction((packet) => packet.adjustHead(1).toU32()).code).toBe("YM_BUILD_FOREIGN");
    const narrowed = failure((packet) => {
      const low = packet.length().toU8();
      const Byte = struct("byte", { value: u8 });
      const inner = fn("inner", { target: Byte }, u32, ({ target }) => {
        target.value = low;
        return u32(0);
      });
      return verdict(inner({ target: stack(Byte, { value: 0 }) }));
    });
    expectFailure(narrowed, "YM_BUILD_FOREIGN", "this value", "target.value = low", "= low");
    const held = failure(() => {
      const home = referenceVariable(Word);
      const inner = fn("inner", { given: Word }, u32, ({ given }) => {
        home.set(given);
        return u32(0);
      });
      return verdict(inner({ given: stack(Word, { value: 0 }) }));
    });
    expectFailure(held, "YM_BUILD_FOREIGN", "reference variable of word", "home.set(given)", "set(given)");
  });
});

describe("stale headers", () => {
  test("a header read before the bounds changed names where it was read and where they changed", () => {
    const error = failure((packet) => {
      const oldHeader = packet.read(Header).orPass();
      guard(packet.adjustHead(-8).eq(0)).orDrop({ name: "no room", code: 0 });
      return verdict(oldHeader.kind.toU32());
    });
    expectFailure(error, "YM_BUILD_STALE", "header", "verdict(oldHeader.kind.toU32())", "kind.toU32");
    const read = placeOf(import.meta.url, "const oldHeader = packet.read(Header).orPass();", "read(Header)");
    const moved = placeOf(import.meta.url, "guard(packet.adjustHead(-8)", "adjustHead");
    expect(error.message).toContain(`header (read at ${read}) is stale after the packet's bounds changed (${moved})`);
  });

  test("so is a cursor, a view, and what a reference variable may hold", () => {
    const cursor = failure((packet) => {
      const before = packet.cursorAt(0);
      packet.adjustHead(4);
      before.read(Header).orPass();
      return pass();
    });
    expect(cursor.code).toBe("YM_BUILD_STALE");
    const view = failure((packet) => {
      const header = packet.read(Header).orPass();
      packet.adjustHead(4);
      return verdict(viewAs(header, Header, Word).value);
    });
    expect(view.code).toBe("YM_BUILD_STALE");
    const held = failure((packet) => {
      const home = referenceVariable(Header);
      home.set(packet.read(Header).orPass());
      packet.adjustHead(4);
      return verdict(home.get().length.toU32());
    });
    expect(held.code).toBe("YM_BUILD_STALE");
  });

  test("a branch that changes the bounds and leaves takes its change along", () => {
    const program = xdp("p", (packet) => {
      const header = packet.read(Header).orPass();
      when(header.kind.eq(1), () => {
        packet.adjustHead(4);
        leave(pass());
      });
      return verdict(header.length.toU32());
    });
    expect(() => compile(program)).not.toThrow();
  });
});

describe("ranges", () => {
  const inProgram = (use: (packet: Packet) => unknown) =>
    failure((packet) => {
      use(packet);
      return pass();
    });

  test("numbers that do not fit", () => {
    const byte = thrown(() => u8(256));
    expectFailure(byte, "YM_BUILD_RANGE", "256 does not fit an unsigned 8-bit value", "u8(256)");
    expect(thrown(() => u16(-1)).message).toContain("-1 does not fit an unsigned 16-bit value");
    expect(thrown(() => u32(1.5)).message).toContain("1.5 does not fit an unsigned 32-bit value");
    expect(thrown(() => u64(2n ** 64n)).code).toBe("YM_BUILD_RANGE");
    expect(thrown(() => be16(65536)).code).toBe("YM_BUILD_RANGE");
    const sum = inProgram((packet) => packet.length().add(2 ** 32));
    expectFailure(sum, "YM_BUILD_RANGE", "4294967296 does not fit an unsigned 32-bit value", "add(2 ** 32)");
    expect(inProgram((packet) => packet.read(Header).orPass().port.eq(70000)).code).toBe("YM_BUILD_RANGE");
  });

  test("a 64-bit value beside a narrower one, where the type was lost", () => {
    const error = inProgram((packet) => (packet.length() as Int).add(u64(1)));
    expectFailure(
      error,
      "YM_BUILD_RANGE",
      "widen the left with toU64()",
      "(packet.length() as Int).add(u64(1))",
      "add(u64",
    );
    expect(inProgram((packet) => words.lookup(packet.length().toU64())).message).toContain("cut it with toU32()");
  });

  test("indexes, loops, views", () => {
    const Row = struct("row", { cells: list(u16, 6) });
    const rows = arrayMap("rows", Row, 1);
    const row = () => rows.lookup(0).orPass();
    expect(inProgram(() => row().cells.at(6)).message).toContain("index 6 is outside an array of 6");
    expect(inProgram((packet) => row().cells.masked(packet.length())).message).toContain("6 is no power of two");
    const framed = inProgram((packet) =>
      stack(Row, { cells: [] as never })
        .cells.lookup(packet.length())
        .orPass(),
    );
    expect(framed.code).toBe("YM_BUILD_RANGE");
    for (const atMost of [-1, 1.5, 2_000_000]) {
      expect(inProgram(() => repeat(atMost, () => undefined)).message).toContain(`a loop of ${atMost} rounds`);
    }
    const view = inProgram((packet) => viewAs(packet.read(Word).orPass(), Word, Header));
    expect(view).toMatchObject({
      code: "YM_BUILD_RANGE",
      message: expect.stringContaining("header has 8 bytes, word only 4"),
    });
  });

  test("returning more than the function says", () => {
    const error = failure(() => {
      const inner = fn("inner", { given: u64 }, u32, ({ given }) => {
        guard(given.ne(0)).orReturn(given);
        return u32(0);
      });
      return verdict(inner({ given: u64(1) }));
    });
    expectFailure(
      error,
      "YM_BUILD_RANGE",
      'a u64 returned from function "inner", which returns u32',
      "orReturn(given)",
    );
  });
});

describe("names", () => {
  test("too long, or with what the kernel does not take", () => {
    const long = thrown(() => xdp("sixteen_letters_".slice(0), () => pass()));
    expectFailure(long, "YM_BUILD_NAME", "1–15 characters", 'xdp("sixteen_letters_".slice(0)');
    expect(thrown(() => fn("has-dash", { a: u32 }, u32, ({ a }) => a)).code).toBe("YM_BUILD_NAME");
    expect(thrown(() => xdp("", () => pass())).code).toBe("YM_BUILD_NAME");
    for (const make of [() => arrayMap("sixteen_letters_", Word, 1), () => hashMap("has-dash", Word, Word, 1)]) {
      expect(thrown(make).code).toBe("YM_BUILD_NAME");
    }
  });

  test("two of one name", () => {
    const [one, two] = [arrayMap("same", Word, 1), arrayMap("same", Word, 2)];
    const maps = failure(() => {
      one.lookup(0).orPass();
      two.lookup(0).orPass();
      return pass();
    });
    expectFailure(maps, "YM_BUILD_NAME", 'two different maps are called "same"', "two.lookup(0)", "lookup(0)");
    const functions = failure(() => {
      const first = fn("same", { a: u32 }, u32, ({ a }) => a);
      const second = fn("same", { a: u32 }, u32, ({ a }) => a.add(1));
      return verdict(first({ a: u32(1) }).add(second({ a: u32(2) })));
    });
    expectFailure(functions, "YM_BUILD_NAME", 'two different functions are called "same"', "second({ a: u32(2) })");
  });
});

describe("control flow", () => {
  test("code behind the end of every path", () => {
    const error = failure((packet) => {
      leave(drop({ name: "always", code: 0 }));
      return verdict(packet.length().add(9));
    });
    expectFailure(
      error,
      "YM_BUILD_UNREACHABLE",
      "every path above has ended",
      "packet.length().add(9)",
      "length().add(9)",
    );
    const loop = failure(() => {
      repeat(3, (index, round) => {
        round.stop();
        index.mul(7);
      });
      return pass();
    });
    expectFailure(loop, "YM_BUILD_UNREACHABLE", "every path above has ended", "index.mul(7)", "mul(7)");
  });

  test("a cursor moved in a branch that began after it", () => {
    const error = failure((packet) => {
      when(packet.length().gt(100), () => {
        packet.read(Word).orPass();
      });
      return pass();
    });
    expectFailure(error, "YM_BUILD_UNREACHABLE", "cursor.fork()", "packet.read(Word).orPass();", "read(Word)");
  });

  test("a verdict inside a function", () => {
    const error = failure(() => {
      const inner = fn("inner", { given: u32 }, u32, ({ given }) => {
        guard(given.eq(4711)).orPass();
        return given;
      });
      return verdict(inner({ given: u32(1) }));
    });
    expectFailure(
      error,
      "YM_BUILD_VERDICT",
      "has no verdict of its own; use orReturn(value)",
      "guard(given.eq(4711)).orPass()",
      "orPass()",
    );
  });

  test("a reason where reasons are counted", () => {
    const tooMany = { name: "too many", code: 1 };
    const error = thrown(() =>
      compile(
        xdp("p", (packet) => drop(packet.length()), {
          count: (reason) => void words.lookup(reason).orDrop(tooMany),
        }),
      ),
    );
    expectFailure(
      error,
      "YM_BUILD_VERDICT",
      "counted there without end",
      "words.lookup(reason).orDrop(tooMany)",
      "orDrop",
    );
  });

  test("recursion, also by a detour", () => {
    const error = failure(() => {
      const one: (args: { a: Int<"u32"> }) => Int<"u32"> = fn("one", { a: u32 }, u32, ({ a }) => two({ a }));
      const two: typeof one = fn("two", { a: u32 }, u32, ({ a: again }) => one({ a: again }));
      return verdict(one({ a: u32(1) }));
    });
    expectFailure(error, "YM_BUILD_RECURSION", 'function "one" calls itself', "one({ a: again })");
  });
});

describe("arguments", () => {
  test("more than five", () => {
    const six = { a: u32, b: u32, c: u32, d: u32, e: u32, f: u32 };
    const error = thrown(() => fn("six", six, u32, ({ f }) => f));
    expectFailure(error, "YM_BUILD_ARGUMENTS", "6 parameters; registers r1–r5 hold five", 'fn("six", six, u32');
    const call = failure(() => verdict(callHelper(5, new Array(6).fill(u32(0).operand())).toU32()));
    expectFailure(call, "YM_BUILD_ARGUMENTS", "helper 5 is called with 6 arguments", "callHelper(5,");
  });

  test("of another kind, where the type was lost", () => {
    const error = failure((packet) => {
      const inner = fn("inner", { a: u32 }, u32, ({ a }) => a);
      return verdict(inner({ a: packet.length().toU64() as unknown as Int<"u32"> }));
    });
    expectFailure(
      error,
      "YM_BUILD_ARGUMENTS",
      'argument "a" is a u64, the function takes u32',
      "inner({ a: packet.length()",
    );
    const missing = failure(() => {
      const inner = fn("inner", { a: u32 }, u32, ({ a }) => a);
      return verdict(inner({ a: 4712 as unknown as Int<"u32"> }));
    });
    expect(missing).toMatchObject({
      code: "YM_BUILD_ARGUMENTS",
      message: expect.stringContaining('argument "a" is a number'),
    });
  });

  test("a structure that has the fields of another one, but elsewhere, is copied field by field", () => {
    const Other = struct("other", { padding: bytes(8), value: u32 });
    const program = xdp("p", () => {
      const other = stack(Other, { padding: new Uint8Array(8), value: 3 }) as unknown as Reference<typeof Word.fields>;
      const entry = words.lookup(0).orPass();
      entry.value = stack(Word, other).value;
      return pass();
    });
    expect(() => compile(program)).not.toThrow();
  });
});
