// Mistakes that the TypeScript compiler reports, each on the line below its `@ts-expect-error`; `tsc -p .` fails
// where one of them compiles. What it cannot see is caught while building (test/dsl/build-errors.test.ts), and
// conditions used as JavaScript booleans by oxlint's strict-boolean-expressions (test/types/lint.test.ts).

/* oxlint-disable no-unused-expressions, no-constant-condition */

import {
  arrayMap,
  arrayOfArrays,
  atomic,
  be16,
  be32,
  bytes,
  checksum,
  choose,
  drop,
  fn,
  guard,
  hashMap,
  lpmTrie,
  type Packet,
  pass,
  type Reason,
  stack,
  struct,
  u16,
  u32,
  u64,
  u8,
  type Variable,
  variable,
  type Verdict,
  when,
  xdp,
} from "@yardmaster/ebpf";

const Header = struct("header", { kind: u8, port: be16, address: be32, mac: bytes(6), length: u16 });
const Key = struct("key", { address: be32, port: be16 });
const Counter = struct("counter", { packets: u64, flags: u32, small: u16 });
const table = hashMap("table", Key, Counter, 16);
const counters = arrayMap("counters", Counter, 16);
const inner = arrayMap("inner", Counter, 16);
const tables = arrayOfArrays("tables", inner, 4);
const tooShort: Reason = { name: "too short", code: 1 };

/** Never run: the compiler's opinion is what counts. */
export function absence(packet: Packet): void {
  // @ts-expect-error a header may be absent
  packet.read(Header).kind;
  // @ts-expect-error an entry may be absent
  table.lookup({ address: be32(1), port: be16(2) }).packets;
  // @ts-expect-error so may an element of an array
  counters.lookup(3).packets;
  // @ts-expect-error and an inner map
  tables.lookup(0).lookup(1);
  // @ts-expect-error dropping takes a reason
  packet.read(Header).orDrop();
  // @ts-expect-error so does a guard
  guard(u32(1).eq(1)).orDrop();
  // @ts-expect-error and a verdict
  drop();
  packet.read(Header).orDrop(tooShort).kind.eq(1);
}

export function byteOrder(packet: Packet): void {
  const header = packet.read(Header).orPass();
  // @ts-expect-error be16 is not be32
  header.port.eq(header.address);
  // @ts-expect-error network order is not host order
  header.port.eq(header.length);
  // @ts-expect-error nor the other way round
  header.length.eq(header.port);
  // @ts-expect-error no arithmetic in network order
  header.port.add(1);
  // @ts-expect-error no ordering in network order
  header.address.lt(be32(10));
  // @ts-expect-error a host value stored into a field in network order
  header.port = header.length;
  // @ts-expect-error a value in network order stored into a host field
  header.length = header.port;
  // @ts-expect-error be32 into be16
  header.port = header.address;
  // @ts-expect-error only 16, 32 and 64 bits have an order
  header.kind.toNet();
  // @ts-expect-error a checksum is be16
  checksum(header.address);
  // @ts-expect-error both sides of a replacement are of one kind
  checksum(header.port).replace(header.address, header.port);
  header.port = header.length.toNet();
}

export function operators(packet: Packet): void {
  const length = packet.length();
  // @ts-expect-error use add(1)
  length + 1;
  // @ts-expect-error use sub(1)
  length - 1;
  // @ts-expect-error use and(1)
  length & 1;
  // @ts-expect-error use shl(1)
  length << 1;
  // @ts-expect-error use lt(3)
  length < 3;
  // @ts-expect-error use eq(3)
  length === 3;
  let changing = packet.length();
  // @ts-expect-error use set(…) of a variable
  changing++;
  changing.add(1);
  // @ts-expect-error use and(…)
  length.eq(1) & length.eq(2);
  // @ts-expect-error a condition is no boolean
  const isOne: boolean = length.eq(1);
  // @ts-expect-error a number is no staged value
  when(true, () => undefined);
  // @ts-expect-error a comparison is no number
  length.eq(1).add(1);
  return void isOne;
}

export function widths(packet: Packet): void {
  const length = packet.length();
  const wide = u64(1);
  // @ts-expect-error a 64-bit value on the right of a 32-bit one
  length.add(wide);
  // @ts-expect-error both ways of a choice have one width
  choose(length.eq(1), length, wide);
  const count: Variable<typeof length> = variable(length);
  // @ts-expect-error a variable keeps its width
  count.set(wide);
  // @ts-expect-error no sign in 8 bits
  length.toU8().isNegative();
  wide.add(length);
}

export function fields(packet: Packet): void {
  const header = packet.read(Header).orPass();
  // @ts-expect-error a misspelt field
  header.prot;
  // @ts-expect-error a number is not put into a field: u8(6)
  header.kind = 6;
  // @ts-expect-error u16 into u8
  header.kind = header.length;
  // @ts-expect-error arithmetic is 32 bits wide: toU8()
  header.kind = header.kind.add(1);
  // @ts-expect-error bytes are not computed with
  header.mac.add(1);
  // @ts-expect-error a field is missing
  stack(Key, { address: be32(1) });
  // @ts-expect-error of the wrong kind
  table.lookup({ address: be16(1), port: be16(2) });
  // @ts-expect-error not a structure of the map's key
  table.lookup(stack(Counter, { packets: 1n, flags: 1, small: 1 }));
  // @ts-expect-error 64-bit numbers are bigints
  stack(Counter, { packets: 1, flags: 1, small: 1 });
  const counter = counters.lookup(0).orPass();
  // @ts-expect-error atomics are for 32 and 64 bits
  atomic(counter, Counter, "small");
  // @ts-expect-error no such field
  atomic(counter, Counter, "bytes");
  header.kind = header.kind.add(1).toU8();
}

export function programs(): void {
  // @ts-expect-error a body ends with a verdict
  xdp("none", () => undefined);
  // @ts-expect-error on every way
  xdp("some", (packet) => (packet === undefined ? pass() : undefined));
  // @ts-expect-error a verdict is not a number
  xdp("number", () => 2);
  const half = fn("half", { value: u32, from: Key }, u32, ({ value }) => value.shr(1));
  // @ts-expect-error an argument is missing
  half({ value: u32(1) });
  // @ts-expect-error of the wrong kind
  half({ value: u64(1), from: stack(Key, { address: be32(1), port: be16(1) }) });
  // @ts-expect-error returns u64 where u32 was said
  fn("wide", { value: u64 }, u32, ({ value }) => value);
  // @ts-expect-error a verdict is made by pass(), drop(), tx(), verdict()
  const made: Verdict = { action: "explode" };
  return void made;
}

export function control(): void {
  // @ts-expect-error prefixes begin with the most significant byte, host order does not
  lpmTrie("host", struct("host", { address: u32 }), Counter, 4);
  // @ts-expect-error nor does it inside of what is nested
  lpmTrie("nested", struct("nested", { counter: Counter }), Counter, 4);
  const prefixes = lpmTrie("prefixes", struct("data", { key: Key }), Counter, 4);
  // @ts-expect-error the control plane says how long the prefix is
  prefixes.spec.key.encode({ data: { key: { address: 1, port: 1 } } });
  // @ts-expect-error the control plane's values have types, too
  table.spec.value.encode({ packets: 1, flags: 0, small: 0 });
  // @ts-expect-error every field is wanted
  table.spec.key.encode({ address: 1 });
}
