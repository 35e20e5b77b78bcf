// A whole IP header of either family, as tunnels have it outside and as packets get it that change their family.

import { be16, checksum, type Cursor, type Int, Net, randomU32, u32, u8, variable, when } from "@yardmaster/ebpf";
import type { Family } from "../../family.ts";
import { HeaderWords, Ipv6 } from "../../headers.ts";
import { reasons } from "../../reasons.ts";
import type { Address } from "../../address.ts";

/** What it says besides its addresses. */
export interface OuterFields {
  readonly typeOfService: Int<"u32">;
  /** DF as it lies in memory, or 0. */
  readonly dontFragment: Int<"u32">;
  readonly hops: Int<"u32">;
  /** Of what follows. */
  readonly protocol: number | Int<"u32">;
  /** Bytes, this header included. */
  readonly length: Int<"u32">;
  /** Bits of the last word of the source address, as they lie in memory, that tell flows apart. */
  readonly spread: Int<"u32">;
}

/** Whom it is from and for: addresses in memory that are no shorter than the header's; not in the packet. */
export interface OuterEnds {
  readonly source: Address;
  readonly destination: Address;
}

/** Writes the header at `at`. */
export function writeOuter(outer: Family, at: Cursor, ends: OuterEnds, fields: OuterFields): void {
  if (outer.name === "ipv4") writeIpv4(at, ends, fields);
  else writeIpv6(at, ends, fields);
}

/** Word by word, so that the checksum is summed up from registers. */
function writeIpv4(at: Cursor, { source, destination }: OuterEnds, fields: OuterFields): void {
  const { typeOfService, dontFragment, hops, protocol, length, spread } = fields;
  const identification = variable(u32(0));
  // Who may be divided on the way has to be told apart from others (RFC 6864 §4.1); IPVS counts, here chance does.
  when(dontFragment.eq(0), () => identification.set(randomU32().and(0xffff)));
  const swapped = length.toU16().toNet().raw().toU32();
  const a = typeOfService.shl(8).or(0x45).or(swapped.shl(16));
  const b = identification.get().or(dontFragment.shl(16));
  const c = hops.or(typeof protocol === "number" ? protocol << 8 : protocol.shl(8));
  const d = source.at(0).raw().or(spread);
  const e = destination.at(0).raw();
  const sum = [b, c, d, e].reduce((total, word) => total.add(word), a.toU64());
  const check = checksum(be16(0xffff)).plus({ sum }).fold();
  const header = at.read(HeaderWords).orDrop(reasons.internal);
  header.a = inNet(a);
  header.b = inNet(b);
  header.c = inNet(c.or(check.raw().shl(16)));
  header.d = inNet(d);
  header.e = inNet(e);
}

/** A word as it lies in memory. */
function inNet(word: Int<"u32">): Net<"be32"> {
  return new Net("be32", word.operand());
}

function writeIpv6(at: Cursor, { source, destination }: OuterEnds, fields: OuterFields): void {
  const { typeOfService, hops, protocol, length, spread } = fields;
  const header = at.read(Ipv6).orDrop(reasons.internal);
  header.versionClassAndFlow = typeOfService.shl(20).or(0x6000_0000).toNet();
  header.payloadLength = length.sub(Ipv6.size).toU16().toNet();
  header.nextHeader = typeof protocol === "number" ? u8(protocol) : protocol.toU8();
  header.hopLimit = hops.toU8();
  header.source = source;
  header.source.set(3, inNet(source.at(3).raw().or(spread)));
  header.destination = destination;
}
