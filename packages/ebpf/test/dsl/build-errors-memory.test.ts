// What is refused about maps while they are defined, about the packet's end and about sums.

import { expect, test } from "vitest";
import {
  be16,
  be32,
  bytes,
  checksumDifference,
  fn,
  guard,
  lpmTrie,
  Packet,
  pass,
  stack,
  struct,
  u32,
  u64,
  u8,
} from "@yardmaster/ebpf";
import { failure, thrown } from "./build-failure.ts";
import { placeOf } from "./source-place.ts";

const Value = struct("value", { count: u64 });

test("data of a trie with padding, and too much of it", () => {
  const Padded = struct("padded", { kind: u8, inner: struct("inner", { address: be32, port: be16 }) });
  const padded = thrown(() => lpmTrie("trie", Padded, Value, 4));
  expect(padded.code).toBe("YM_BUILD_RANGE");
  expect(padded.message).toContain(placeOf(import.meta.url, 'lpmTrie("trie", Padded'));
  expect(padded.message).toContain('prefixes of "trie": padded has 5 bytes of padding');
  const Long = struct("long", { address: bytes(257) });
  expect(thrown(() => lpmTrie("trie", Long, Value, 4)).message).toContain("long has 257 bytes; 256 are the most");
  expect(thrown(() => lpmTrie("has-dash", struct("short", { address: be32 }), Value, 4)).code).toBe("YM_BUILD_NAME");
});

test("headers and cursors from before adjustTail", () => {
  const Short = struct("short", { address: be32 });
  const stale = failure((packet) => {
    const before = packet.read(Short).orPass();
    guard(packet.adjustTail(-8).eq(0)).orDrop({ name: "no room", code: 0 });
    before.address = be32(1);
    return pass();
  });
  expect(stale.code).toBe("YM_BUILD_STALE");
  expect(stale.message).toContain(
    `(${placeOf(import.meta.url, "packet.adjustTail(-8)", "adjustTail")}); read it again`,
  );
  const cursor = failure((packet) => {
    const before = packet.cursorAt(0);
    packet.adjustTail(packet.length());
    before.checksum(packet.length(), { atMost: 4 }).orPass();
    return pass();
  });
  expect(cursor).toMatchObject({ code: "YM_BUILD_STALE" });
  expect(cursor.message).toContain("bytes to sum up");
});

test("headers from before a function that moves the packet's bounds, and headers given to it", () => {
  const Short = struct("short", { address: be32 });
  const grow = fn("grow", { packet: Packet }, u32, ({ packet }) => packet.adjustHead(-8).toU32(), { isGlobal: true });
  const between = fn("between", { packet: Packet, short: Short }, u32, ({ packet }) => grow({ packet }));
  const stale = failure((packet) => {
    const before = packet.read(Short).orPass();
    between({ packet, short: stack(Short, { address: 1 }) });
    before.address = be32(2);
    return pass();
  });
  expect(stale.code).toBe("YM_BUILD_STALE");
  const at = placeOf(import.meta.url, "between({ packet, short: stack(", "between");
  expect(stale.message).toContain(`is stale after the packet's bounds changed (${at})`);
  const given = failure((packet) => {
    between({ packet, short: packet.read(Short).orPass() });
    return pass();
  });
  expect(given.code).toBe("YM_BUILD_STALE");
  expect(given.message).toContain('lies in the packet, whose bounds "between" moves; pass a copy in the frame');
});

test("a packet, where a function takes one, is nothing else", () => {
  const grow = fn("grow", { packet: Packet }, u32, ({ packet }) => packet.length());
  const error = failure(() => {
    grow({ packet: u32(1) as unknown as Packet });
    return pass();
  });
  expect(error).toMatchObject({ code: "YM_BUILD_ARGUMENTS" });
  expect(error.message).toContain('argument "packet" is a u32, the function takes the packet');
});

test("sums of bytes that the helper does not take", () => {
  const sumOf = (...sizes: readonly number[]) =>
    failure(() => {
      const [from, to] = sizes.map((size) => stack(struct("of", { bytes: bytes(size) })).bytes);
      checksumDifference({ from, to });
      return pass();
    });
  expect(sumOf(6)).toMatchObject({ code: "YM_BUILD_RANGE" });
  expect(sumOf(6).message).toContain("sums of 6 and 0 bytes: multiples of 4 and 512 together at most");
  expect(sumOf(256, 260).message).toContain("sums of 256 and 260 bytes");
  for (const atMost of [0, 1.5, 2048]) {
    const error = failure((packet) => {
      packet.cursorAt(0).checksum(packet.length(), { atMost }).orPass();
      return pass();
    });
    expect(error).toMatchObject({ code: "YM_BUILD_RANGE" });
    expect(error.message).toContain(`a checksum of up to ${atMost} bytes`);
  }
});
