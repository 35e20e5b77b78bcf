// Makes frames invalid in the ways that hurt parsers: lengths that lie, odd tags, cut headers, flipped bits.
// Whatever comes out, a parser must not throw and the data plane must not be fooled into reading past the end.
import { concat, put16, u8, u16 } from "./bytes.ts";
import { internetChecksum } from "./checksum.ts";
import { etherTypes } from "./ethernet.ts";
import type { Header } from "./parse.ts";
import { parseFrame } from "./parse.ts";
import type { Random } from "./random.ts";

type Mutation = (frame: Uint8Array, random: Random) => Uint8Array;

/** Applies `change` to a copy, with the first header of one of the kinds; the frame unchanged when it has none. */
function withHeader<Name extends Header["layer"]>(
  frame: Uint8Array,
  names: readonly Name[],
  change: (copy: Uint8Array, header: Extract<Header, { readonly layer: Name }>) => void,
): Uint8Array {
  const isWanted = (header: Header): header is Extract<Header, { readonly layer: Name }> =>
    (names as readonly string[]).includes(header.layer);
  const header = parseFrame(frame).layers.find(isWanted);
  const copy = frame.slice();
  if (header !== undefined) change(copy, header);
  return copy;
}

/** Puts the IPv4 header's checksum right, so that what was changed in it is not dismissed at the first glance. */
function sealIpv4(bytes: Uint8Array, offset: number): void {
  const length = Math.min((u8(bytes, offset) & 0xf) * 4, bytes.length - offset);
  if (length < 20) return;
  put16(bytes, offset + 10, 0);
  put16(bytes, offset + 10, internetChecksum(bytes.subarray(offset, offset + length)));
}

function wrongLength(right: number, random: Random): number {
  return (
    random.pick([0, 1, right - 1, right + 1, right + 8, Math.max(0, right - 20), 65535, random.below(65536)]) & 0xffff
  );
}

function changeIpLength(frame: Uint8Array, random: Random): Uint8Array {
  return withHeader(frame, ["ipv4", "ipv6"], (copy, { offset, layer }) => {
    const at = offset + (layer === "ipv4" ? 2 : 4);
    put16(copy, at, wrongLength(u16(copy, at), random));
    if (layer === "ipv4") sealIpv4(copy, offset);
  });
}

function makeFragment(frame: Uint8Array, random: Random): Uint8Array {
  return withHeader(frame, ["ipv4"], (copy, { offset }) => {
    put16(copy, offset + 6, random.pick([0x2000, 0x2001, 0x0001, 0x1fff, 0x3fff, 0x8000, 0xe000, random.below(65536)]));
    sealIpv4(copy, offset);
  });
}

function addTags(frame: Uint8Array, random: Random): Uint8Array {
  const tags = Array.from({ length: 1 + random.below(8) }, () => {
    const tag = random.bytes(4);
    put16(tag, 0, random.pick([etherTypes.vlan, etherTypes.serviceVlan, etherTypes.oldServiceVlan, 0x9200]));
    return tag;
  });
  return concat(frame.subarray(0, 12), ...tags, frame.subarray(12));
}

function addIpv4Options(frame: Uint8Array, random: Random): Uint8Array {
  const room = parseFrame(frame).layers.find(({ layer }) => layer === "ipv4");
  if (room === undefined || room.headerLength === 60) return frame.slice();
  const added = random.bytes(4 * (1 + random.below((60 - room.headerLength) / 4)));
  const at = room.offset + room.headerLength;
  const longer = concat(frame.subarray(0, at), added, frame.subarray(at));
  longer[room.offset] = 0x40 | ((room.headerLength + added.length) / 4);
  put16(longer, room.offset + 2, Math.min(65535, u16(frame, room.offset + 2) + added.length));
  sealIpv4(longer, room.offset);
  return longer;
}

/** The ways to damage a frame, by name. Each returns new bytes. */
export const mutations: Readonly<Record<string, Mutation>> = {
  truncate: (frame, random) => frame.slice(0, random.below(frame.length + 1)),
  extend: (frame, random) => concat(frame, random.bytes(1 + random.below(64))),
  flipBits: (frame, random) => {
    const copy = frame.slice();
    for (let count = 1 + random.below(8); count > 0 && copy.length > 0; count--) {
      const at = random.below(copy.length);
      copy[at] = u8(copy, at) ^ (1 << random.below(8));
    }
    return copy;
  },
  flipHeaderBit: (frame, random) => {
    const copy = frame.slice();
    const at = random.below(Math.min(copy.length, 74));
    if (copy.length > 0) copy[at] = u8(copy, at) ^ (1 << random.below(8));
    return copy;
  },
  removeBytes: (frame, random) => {
    const from = random.below(frame.length + 1);
    return concat(frame.subarray(0, from), frame.subarray(from + 1 + random.below(20)));
  },
  insertBytes: (frame, random) => {
    const at = random.below(frame.length + 1);
    return concat(frame.subarray(0, at), random.bytes(1 + random.below(20)), frame.subarray(at));
  },
  wrongEtherType: (frame, random) =>
    withHeader(frame, ["ethernet"], (copy, { offset, headerLength }) => {
      put16(
        copy,
        offset + headerLength - 2,
        random.pick([etherTypes.ipv4, etherTypes.ipv6, etherTypes.arp, 0, 0xffff]),
      );
    }),
  wrongVersion: (frame, random) =>
    withHeader(frame, ["ipv4", "ipv6"], (copy, { offset, layer }) => {
      copy[offset] = (u8(copy, offset) & 0xf) | (random.below(16) << 4);
      if (layer === "ipv4") sealIpv4(copy, offset);
    }),
  wrongIpHeaderLength: (frame, random) =>
    withHeader(frame, ["ipv4"], (copy, { offset }) => {
      copy[offset] = 0x40 | random.below(16);
      sealIpv4(copy, offset);
    }),
  wrongIpLength: changeIpLength,
  wrongProtocol: (frame, random) =>
    withHeader(frame, ["ipv4", "ipv6"], (copy, { offset, layer }) => {
      const protocols = [0, 1, 4, 6, 17, 41, 43, 44, 47, 51, 58, 59, 60, 132, 255] as const;
      copy[offset + (layer === "ipv4" ? 9 : 6)] = random.pick(protocols);
      if (layer === "ipv4") sealIpv4(copy, offset);
    }),
  lowTtl: (frame, random) =>
    withHeader(frame, ["ipv4", "ipv6"], (copy, { offset, layer }) => {
      copy[offset + (layer === "ipv4" ? 8 : 7)] = random.below(3);
      if (layer === "ipv4") sealIpv4(copy, offset);
    }),
  makeFragment,
  wrongTcpHeaderLength: (frame, random) =>
    withHeader(frame, ["tcp"], (copy, { offset }) => {
      copy[offset + 12] = (u8(copy, offset + 12) & 0xf) | (random.below(16) << 4);
    }),
  wrongUdpLength: (frame, random) =>
    withHeader(frame, ["udp"], (copy, { offset }) => {
      put16(copy, offset + 4, wrongLength(u16(copy, offset + 4), random));
    }),
  wrongChecksum: (frame, random) =>
    withHeader(frame, ["tcp", "udp", "icmp4", "icmp6"], (copy, { offset, layer }) => {
      const at = offset + { tcp: 16, udp: 6, icmp4: 2, icmp6: 2 }[layer];
      put16(copy, at, random.pick([0, 0xffff, random.below(65536)]));
    }),
  addTags,
  addIpv4Options,
};

/** The frame damaged in one to three random ways; always new bytes, at times of length 0, rarely still valid. */
export function mutateFrame(frame: Uint8Array, random: Random): Uint8Array {
  const [first = (bytes: Uint8Array) => bytes, ...others] = Object.values(mutations);
  let damaged: Uint8Array = frame.slice();
  for (let count = 1 + random.below(3); count > 0; count--) {
    damaged = random.pick([first, ...others])(damaged, random);
  }
  return damaged;
}
