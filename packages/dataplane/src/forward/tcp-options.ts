// Changes to the options of a TCP header that leave its length as it is. The options are copied, walked through byte by
// byte, changed in the copy, and written back with the checksum. Options end where the kernel's parser ends
// (tcp_parse_options, net/ipv4/tcp_input.c): at the end mark, and at the first that is malformed.

import {
  type ArrayReference,
  be32,
  type Bool,
  checksumChange,
  fn,
  guard,
  type Int,
  list,
  loop,
  Packet,
  type Reference,
  repeat,
  stack,
  struct,
  u32,
  u64,
  u8,
  variable,
  viewAs,
  when,
} from "@yardmaster/ebpf";
import { Tcp } from "../headers.ts";
import { reasons } from "../reasons.ts";
import { type BalancerMaps, OptionText } from "../schema.ts";

const OPTION_END = 0;
export const OPTION_NOTHING = 1;
/** Options of a TCP header, in bytes, and the whole header. */
const MOST_OPTIONS = 40;
export const LONGEST_HEADER = 60;
/** Offsets of TCP headers are below: two tags, an IPv4 header with options. */
export const OFFSET_MASK = 127;

const OptionByte = struct("option_byte", { value: u8 });
const asBytes = list(OptionByte, 64);
export const Word = struct("word", { value: be32 });
const asWords = list(Word, 16);
type Text = ArrayReference<Reference<typeof OptionByte.fields>>;

/**
 * Where the walk is: bytes of all options, and what is left of the present one; not 0 where its bytes are taken out,
 * and where anything was changed; and what the caller said.
 */
const OptionWalk = struct("option_walk", { options: u32, left: u32, isTaken: u32, isChanged: u32, value: u32 });
type Walk = Reference<typeof OptionWalk.fields>;

/** An option that is not a mere no-operation, at its first byte. */
interface OptionStart {
  /** The copy of all options, and where in it this one begins. */
  readonly text: Text;
  readonly index: Int<"u32">;
  readonly kind: Int<"u8">;
  /** What it says of its length, and whether that much is there. */
  readonly stated: Int<"u8">;
  readonly isWhole: Bool;
  readonly state: Walk;
}

/** What is to be done to options. */
interface OptionEdit {
  /** What is given where the header cannot be read. Sums have 16 bits. */
  readonly unreadable: number;
  /** The checksum follows at once, and 0 is given: then references into the packet are stale afterwards. */
  readonly settles?: true;
  /** May change the option in the copy, and says so in `state`; or takes it, also one that is malformed. */
  readonly begin: (option: OptionStart) => void;
  /** What all bytes of an option that was taken become. Default: nothing is ever taken. */
  readonly takenBecomes?: number;
}

/**
 * Edits the options of the TCP header at `at`, and gives what is to be added to its checksum (RFC 1624), or what
 * the edit says of those that cannot be read. `value` is the edit's. Nothing in the packet moves.
 */
export type EditOptions = (args: Readonly<{ packet: Packet; at: Int<"u32">; value: Int<"u32"> }>) => Int<"u32">;

/** The function that does it, named for what it does. */
export function editFunction({ optionText }: BalancerMaps, name: string, edit: OptionEdit): EditOptions {
  /** Whether anything changed in the copy of so many bytes. Without the packet: global on every kernel. */
  const walk = fn(
    `${name}_copy`,
    { options: u32, value: u32 },
    u32,
    ({ options, value }) => {
      const state = stack(OptionWalk, { options, left: 0, isTaken: 0, isChanged: 0, value });
      loop(`${name}_byte`, options, OptionWalk, state, (index, inside) => {
        const copy = optionText.lookup(0).orReturn(1);
        walkByte(edit, viewAs(copy, OptionText, asBytes), index, inside);
      });
      return state.isChanged;
    },
    { isGlobal: true },
  );
  return fn(
    `${name}_options`,
    { packet: Packet, at: u32, value: u32 },
    u32,
    ({ packet, at, value }) => {
      const start = at.and(OFFSET_MASK);
      const tcp = packet.cursorAt(start).read(Tcp).orReturn(edit.unreadable);
      const options = tcp.dataOffset.shr(4).shl(2).sub(Tcp.size);
      const text = optionText.lookup(0).orReturn(edit.unreadable);
      const words = viewAs(text, OptionText, asWords);
      const each = (body: (word: Reference<typeof Word.fields>, copy: Reference<typeof Word.fields>) => void): void => {
        repeat({ times: options.shr(2), atMost: MOST_OPTIONS / 4 }, (index) => {
          const word = packet
            .cursorAt(start.add(index.shl(2)).add(Tcp.size))
            .read(Word)
            .orReturn(edit.unreadable);
          body(word, words.masked(index));
        });
      };
      each((word, copy) => (copy.value = word.value));
      guard(walk({ options, value }).ne(0)).orReturn(0);
      const sum = variable(u64(0));
      each((word, copy) => {
        const grown = checksumChange().replace(word.value, copy.value).plus({ sum: sum.get() }).sum;
        sum.set(grown.and(0xffff_ffffn).add(grown.shr(32)));
        word.value = copy.value;
      });
      if (edit.settles === true) {
        const header = packet.cursorAt(start).read(Tcp).orReturn(edit.unreadable);
        packet.updateChecksum({ header, type: Tcp }, { contents: { sum: sum.get() } });
        packet.settle();
        return u32(0);
      }
      return foldedSum({ sum: sum.get() });
    },
    { isGlobal: true },
  );
}

/** A sum of 33 bits at most in 16 (RFC 1071 §2); of its own, so that the verifier does not keep sums apart. */
const foldedSum = fn(
  "folded_sum",
  { sum: u64 },
  u32,
  ({ sum }) => {
    let folded = sum;
    for (let round = 0; round < 3; round++) folded = folded.and(0xffff).add(folded.shr(16));
    return folded.toU32();
  },
  { isGlobal: true },
);

/** Brings the checksum of the TCP header at `at` in line with what an edit gave. */
export function settleEdit(packet: Packet, at: Int<"u32">, sum: Int<"u32">): void {
  const header = packet.cursorAt(at.and(OFFSET_MASK)).read(Tcp).orDrop(reasons.internal);
  packet.updateChecksum({ header, type: Tcp }, { contents: { sum: sum.toU64() } });
}

/** One byte: the first of an option says how many follow it, and what becomes of them. */
function walkByte({ begin, takenBecomes }: OptionEdit, text: Text, index: Int<"u32">, state: Walk): void {
  when(state.left.eq(0), () => {
    const kind = text.masked(index).value;
    guard(kind.ne(OPTION_END)).orReturn(1);
    state.left = u32(1);
    state.isTaken = u32(0);
    when(kind.ne(OPTION_NOTHING), () => {
      const rest = state.options.sub(index);
      const stated = text.masked(index.add(1)).value;
      const isWhole = rest.ge(2).and(stated.ge(2)).and(stated.toU32().le(rest));
      begin({ text, index, kind, stated, isWhole, state });
      state.left = rest;
      when(isWhole, () => (state.left = stated.toU32())).otherwise(() => {
        guard(state.isTaken.ne(0)).orReturn(1);
      });
    });
  });
  if (takenBecomes !== undefined) {
    when(state.isTaken.ne(0), () => {
      text.masked(index).value = u8(takenBecomes);
      state.isChanged = u32(1);
    });
  }
  state.left = state.left.sub(1);
}
