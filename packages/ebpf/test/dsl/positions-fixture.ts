// A program whose every operation has a line or column of its own; positions.test.ts and its kernel twin look
// for them in instructions, BTF, the verifier's words and bpftool's dump. Lines here are counted by those tests.

import {
  arrayMap,
  be16,
  compile,
  fn,
  list,
  Packet,
  type ProgramSpec,
  pass,
  struct,
  u32,
  u8,
  verdict,
  xdp,
} from "@yardmaster/ebpf";

const Header = struct("header", { kind: u8, pad: u8, port: be16, items: list(u8, 4) });
const Word = struct("word", { value: u32 });
const words = arrayMap("words", Word, 4);

const twice = fn("twice", { value: u32 }, u32, ({ value }) => value.add(value));

/** Loads and runs. */
export function correct(): ProgramSpec {
  return compile(
    xdp("correct", (packet) => {
      const header = packet.read(Header).orPass();
      const word = words.lookup(header.kind.and(3).toU32()).orPass();
      word.value = word.value.add(header.kind).xor(header.port.toHost());
      return verdict(twice({ value: word.value }));
    }),
  );
}

/** Reads an element of the packet at a staged index: behind a check of constant bounds only. */
export function unchecked(): ProgramSpec {
  return compile(
    xdp("unchecked", (packet) => {
      const header = packet.read(Header).orPass();
      const item = header.items.masked(header.kind);
      header.kind = item;
      return pass();
    }),
  );
}

const picked = fn(
  "picked",
  { packet: Packet },
  u32,
  ({ packet }) => {
    const { items, kind } = packet.read(Header).orReturn(0);
    return items.masked(kind.toU32()).toU32();
  },
  { isGlobal: true },
);

/** The same in a function that the kernel verifies on its own. */
export function uncheckedGlobal(): ProgramSpec {
  return compile(xdp("unchecked", (packet) => verdict(picked({ packet }))));
}
