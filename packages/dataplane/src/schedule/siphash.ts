// SipHash-1-3 of a 32-bit number, the kernel's hsiphash_1u32 on 64-bit machines (include/linux/siphash.h). Written once
// for both times: over bigints when tables are built, over staged values when a packet comes.

import { type Int, u64 } from "@yardmaster/ebpf";

/** Arithmetic on 64-bit words. */
interface Words<W> {
  readonly constant: (value: bigint) => W;
  readonly add: (a: W, b: W) => W;
  readonly xor: (a: W, b: W) => W;
  readonly rotate: (word: W, bits: number) => W;
}

/** Bytes of the message, which the last block carries in its highest byte. */
const LENGTH = 4n << 56n;
/** "somepseudorandomlygeneratedbytes", by which SipHash's state begins. */
const START = [0x736f_6d65_7073_6575n, 0x646f_7261_6e64_6f6dn, 0x6c79_6765_6e65_7261n, 0x7465_6462_7974_6573n] as const;

/** The hash, whose low 32 bits count. `key` is both halves of the 128-bit key; `last` the message with its length. */
function hash<W>({ constant, add, xor, rotate }: Words<W>, last: W, key: bigint): W {
  let [v0, v1, v2, v3] = START.map((word) => constant(word ^ key)) as [W, W, W, W];
  const round = (): void => {
    v0 = add(v0, v1);
    v1 = xor(rotate(v1, 13), v0);
    v0 = rotate(v0, 32);
    v2 = add(v2, v3);
    v3 = xor(rotate(v3, 16), v2);
    v0 = add(v0, v3);
    v3 = xor(rotate(v3, 21), v0);
    v2 = add(v2, v1);
    v1 = xor(rotate(v1, 17), v2);
    v2 = rotate(v2, 32);
  };
  v3 = xor(v3, last);
  round();
  v0 = xor(v0, last);
  v2 = xor(v2, constant(0xffn));
  for (let rounds = 0; rounds < 3; rounds++) round();
  return xor(xor(v0, v1), xor(v2, v3));
}

const wide: Words<bigint> = {
  constant: (value) => value,
  add: (a, b) => BigInt.asUintN(64, a + b),
  xor: (a, b) => a ^ b,
  rotate: (word, bits) => BigInt.asUintN(64, word << BigInt(bits)) | (word >> BigInt(64 - bits)),
};

const staged: Words<Int<"u64">> = {
  constant: (value) => u64(value),
  add: (a, b) => a.add(b),
  xor: (a, b) => a.xor(b),
  rotate: (word, bits) => word.shl(bits).or(word.shr(64 - bits)),
};

/** Low 32 bits of the hash of the four bytes of `value`, the lowest first. */
export function sipHash(value: number, key: bigint): number {
  return Number(BigInt.asUintN(32, hash(wide, BigInt(value) | LENGTH, key)));
}

/** The same in a program: some 130 instructions where it is called. */
export function stagedSipHash(value: Int<"u32">, key: bigint): Int<"u32"> {
  return hash(staged, value.toU64().or(LENGTH), key).toU32();
}
