// Values that one version of a program wrote, read by another.
import { describe, expect, test } from "vitest";
import { be16, bytes, list, struct, u16, u32, u64, u8 } from "./index.ts";
import { converter, isSameLayout, type Layout } from "./layout.ts";

const layoutOf = ({ layout }: { readonly layout?: Layout }): Layout => layout ?? expect.fail("it has a layout");
const Inner = struct("inner", { a: u8, b: u32 });
const Old = struct("old", {
  life: u64,
  port: be16,
  method: u8,
  inner: Inner,
  numbers: list(u16, 2),
  reserved: bytes(4),
});

test("a layout is plain data: names, offsets, sizes", () => {
  const layout = layoutOf(Inner);
  expect(JSON.parse(JSON.stringify(layout))).toEqual(layout);
  expect(layout).toEqual({
    kind: "struct",
    size: 8,
    fields: [
      { name: "a", offset: 0, layout: { kind: "scalar", type: "u8", size: 1 } },
      { name: "b", offset: 4, layout: { kind: "scalar", type: "u32", size: 4 } },
    ],
  });
});

describe("what has the same name goes over", () => {
  const old = Old.encode({
    life: 7n,
    port: 443,
    method: 3,
    inner: { a: 1, b: 2 },
    numbers: [5, 6],
    reserved: Uint8Array.of(9, 9, 9, 9),
  });

  test("to other places, into wider numbers and longer lists; what is new is zero", () => {
    const New = struct("new", {
      flags: u16,
      inner: struct("inner", { b: u64, c: u32, a: u8 }),
      numbers: list(u32, 3),
      life: u64,
      reserved: u8,
      port: be16,
      method: u16,
    });
    const convert = converter(layoutOf(Old), layoutOf(New));
    expect(convert && New.decode(convert(old))).toEqual({
      flags: 0,
      inner: { a: 1, b: 2n, c: 0 },
      numbers: [5, 6, 0],
      life: 7n,
      reserved: 0,
      port: 443,
      method: 3,
    });
  });

  test("unchanged where nothing changed", () => {
    expect(isSameLayout(layoutOf(Old), layoutOf(Old))).toBe(true);
    expect(converter(layoutOf(Old), layoutOf(Old))?.(old)).toEqual(old);
  });
});

test.each([
  ["a narrower number", struct("new", { life: u32 })],
  ["another byte order", struct("new", { port: u16 })],
  ["a shorter list", struct("new", { numbers: list(u16, 1) })],
  ["another kind of thing", struct("new", { inner: u64 })],
])("there is no way into %s", (_, New) => {
  expect(converter(layoutOf(Old), layoutOf(New))).toBeUndefined();
  expect(isSameLayout(layoutOf(Old), layoutOf(New))).toBe(false);
});
