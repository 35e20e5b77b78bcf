// sh, dh and mh: tables, and who looks where in them.

import { type Choice, type TwinAsk, type TwinFlags, type TwinServer, usable } from "./server.ts";

const bucketOf = (key: number): number => Number((BigInt(key) * 0x61c8_8647n) % 2n ** 32n) >>> 24;
const usableOrNone = (d: Choice): Choice => (d !== undefined && usable(d) ? d : undefined);
const clientKey = ({ clientFold, clientPort }: TwinAsk, { port }: TwinFlags): number =>
  (clientFold + (port ? clientPort : 0)) % 2 ** 32;

function shTable(list: readonly TwinServer[]): TwinServer[] {
  const buckets: TwinServer[] = [];
  while (list.length > 0 && buckets.length < 256) {
    for (const d of list) for (let taken = 0; taken < Math.max(d.weight, 1) && taken < 256; taken++) buckets.push(d);
  }
  return buckets.slice(0, 256);
}

export function pickSh(list: readonly TwinServer[], ask: TwinAsk, flags: TwinFlags): Choice {
  const table = shTable(list);
  const h = bucketOf(clientKey(ask, flags));
  const own = usableOrNone(table[h]);
  if (own !== undefined || !flags.fallback) return own;
  for (let k = 0; k < 256; k++) {
    const other = usableOrNone(table[(2 * h + k) % 256]);
    if (other !== undefined) return other;
  }
  return undefined;
}

export function pickDh(list: readonly TwinServer[], { destinationFold }: TwinAsk): Choice {
  return usableOrNone(list[bucketOf(destinationFold) % list.length]);
}

const K1 = 2654435761n;
const K2 = 2654446892n;
const MASK = (1n << 64n) - 1n;
const left = (x: bigint, b: bigint): bigint => ((x << b) | (x >> (64n - b))) & MASK;

/** SipHash-1-3 of four bytes, as its paper has it, cut to 32 bits. */
export function sipHash13(v: number, key: bigint): number {
  const m = (4n << 56n) | BigInt(v);
  const s = [
    key ^ 0x736f6d6570736575n,
    key ^ 0x646f72616e646f6dn,
    key ^ 0x6c7967656e657261n,
    key ^ 0x7465646279746573n,
  ] as [bigint, bigint, bigint, bigint];
  const round = (): void => {
    s[0] = (s[0] + s[1]) & MASK;
    s[2] = (s[2] + s[3]) & MASK;
    s[1] = left(s[1], 13n) ^ s[0];
    s[3] = left(s[3], 16n) ^ s[2];
    s[0] = left(s[0], 32n);
    s[2] = (s[2] + s[1]) & MASK;
    s[0] = (s[0] + s[3]) & MASK;
    s[1] = left(s[1], 17n) ^ s[2];
    s[3] = left(s[3], 21n) ^ s[0];
    s[2] = left(s[2], 32n);
  };
  s[3] ^= m;
  round();
  s[0] ^= m;
  s[2] ^= 0xffn;
  round();
  round();
  round();
  return Number((s[0] ^ s[1] ^ s[2] ^ s[3]) & 0xffff_ffffn);
}

/** `size` is one of the kernel's primes, 251 … 131071: a build option of 8 … 17 bits, half of which are for turns. */
export function mhTable(list: readonly TwinServer[], size: number): Choice[] {
  const table: Choice[] = new Array<Choice>(size).fill(undefined);
  const positive = list.map(({ lastWeight }) => lastWeight).filter((weight) => weight > 0);
  if (positive.length === 0) return table;
  const gcd = (a: number, b: number): number => (b === 0 ? a : gcd(b, a % b));
  const g = positive.reduce(gcd);
  const turnBits = Math.floor(size.toString(2).length / 2);
  const shift = Math.max(0, (Math.max(...positive) / g).toString(2).length - turnBits);
  const rows = list.map((d) => {
    const v = (d.fold + d.port) % 2 ** 32;
    const turns = d.lastWeight === 0 ? 0 : Math.floor(d.lastWeight / g / 2 ** shift) || 1;
    return { d, pos: sipHash13(v, K1) % size, skip: (sipHash13(v, K2) % (size - 1)) + 1, turns };
  });
  for (let filled = 0; ; ) {
    for (const row of rows) {
      for (let turn = 0; turn < row.turns; turn++) {
        while (table[row.pos] !== undefined) row.pos = (row.pos + row.skip) % size;
        table[row.pos] = row.d;
        filled += 1;
        if (filled === size) return table;
      }
    }
  }
}

export function pickMh(table: readonly Choice[], ask: TwinAsk, flags: TwinFlags): Choice {
  const size = table.length;
  const key = clientKey(ask, flags);
  const h = sipHash13(key, K1) % size;
  const own = usableOrNone(table[h]);
  if (own !== undefined || !flags.fallback) return own;
  for (let k = 0; k < size; k++) {
    const other = usableOrNone(table[sipHash13((key + ((h + k) % size)) % 2 ** 32, K1) % size]);
    if (other !== undefined) return other;
  }
  return undefined;
}
