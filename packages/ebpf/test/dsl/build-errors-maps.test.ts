// What is refused about maps while they are defined, and in the program's own file.

import { expect, test } from "vitest";
import { be16, be32, bytes, lpmTrie, struct, u64, u8 } from "@yardmaster/ebpf";
import { thrown } from "./build-failure.ts";
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
