// Puts a packet into a tunnel: room at the front, the outer IP header, the encapsulation's own header, and its checksum.
// Outer headers are as the kernel's IPVS writes them (ip_vs_prepare_tunneled_skb, ip_vs_tunnel_xmit and
// ip_vs_tunnel_xmit_v6 in net/netfilter/ipvs/ip_vs_xmit.c).

import { be16, type Bool, type Int, type Reference, u32, variable, when } from "@yardmaster/ebpf";
import { families, type Family } from "../../family.ts";
import { flowHash } from "../../flow-hash.ts";
import { Ipv4, Ipv6, Word16 } from "../../headers.ts";
import { etherTypes } from "../../network-header.ts";
import type { Parsed } from "../../parse.ts";
import { pseudoHeader } from "../../pseudo-header.ts";
import { reasons } from "../../reasons.ts";
import { insertRoom } from "../../room.ts";
import { type Destination, destinationFlags, SPREAD_SHIFT } from "../../schema.ts";
import { type BalancerShape, hasFeature } from "../../shape.ts";
import type { Contents, Encapsulation, TunnelChecksum } from "./encapsulation.ts";
import { type OuterFields, writeOuter } from "./outer-header.ts";
import { encapsulations, outerSizes } from "./registry.ts";

/** The tunnel that a packet goes into. */
export interface Tunnel {
  readonly destination: Reference<typeof Destination.fields>;
  /** Of the outer header: 4 or 6. */
  readonly version: Int<"u32">;
  /** Bytes of all headers that come before the packet. */
  readonly overhead: Int<"u32">;
}

/** What the verifier can bound: more than any frame is long. */
const LONGEST_SUM = 2047;

/** Wraps the packet, which is then to be sent or left to the stack: nothing read from it before holds any more. */
export function wrap(shape: BalancerShape, parsed: Parsed, { destination, version, overhead }: Tunnel): void {
  const { packet, network, networkOffset } = parsed;
  const all = shape.encapsulations.map((name) => encapsulations[name]);
  const spreads = hasFeature(shape, "tunnelSources");
  const contents: Contents = {
    inner: network.family.name,
    length: network.length.add(0),
    flowHash: spreads || all.some(({ tellsFlows }) => tellsFlows) ? flowHash(parsed) : u32(0),
    port: destination.tunnelPort,
    hasChecksum: hasFeature(shape, "tunnelChecksums") ? destination.flags.and(destinationFlags.tunnelChecksum) : u32(0),
  };
  const { flowHash: hash, length } = contents;
  const spread = spreads ? hash.and(spreadMask(destination)) : u32(0);
  const { typeOfService, dontFragment } = network;
  const hops = network.hops.toU32();
  const code = destination.encapsulation.and((1 << SPREAD_SHIFT) - 1);
  insertRoom(parsed, { size: overhead, outer: version, encapsulation: code });

  const outers = hasFeature(shape, "mixedFamilies") ? [families.ipv4, families.ipv6] : [network.family];
  among(
    outers,
    ({ digit }) => version.eq(Number(digit)),
    (outer) => {
      const isOther = outer !== network.family;
      const announced = packet.cursorAt(networkOffset.sub(Word16.size));
      if (isOther) announced.read(Word16).orDrop(reasons.internal).word = be16(etherTypes[outer.name]);
      among(
        all,
        (one) => code.eq(one.code),
        (one) => {
          const fields: OuterFields = {
            ...{ typeOfService: outerTypeOfService(typeOfService), dontFragment, hops, spread },
            ...{ length: length.add(overhead), protocol: one.protocol[contents.inner] },
          };
          writeOuter(outer, packet.cursorAt(networkOffset), destination, fields);
          one.write(packet.cursorAt(networkOffset.add(outerSizes[outer.name])), contents);
          if (one.checksum === undefined || !hasFeature(shape, "tunnelChecksums")) return;
          const { checksum } = one;
          when(contents.hasChecksum.ne(0), () => seal(parsed, outer, one, { checksum, length }));
        },
      );
    },
  );
}

/** The bits of the last word of the source address that tell flows apart, as they lie in memory. */
function spreadMask({ encapsulation }: Tunnel["destination"]): Int<"u32"> {
  return u32(1).shl(encapsulation.shr(SPREAD_SHIFT)).sub(1).toNet().raw();
}

/** Runs `body` for the one of `all` that is meant; where there is but one, without asking. */
function among<T>(all: readonly T[], isMeant: (one: T) => Bool, body: (one: T) => void): void {
  for (const one of all) {
    if (all.length === 1) body(one);
    else when(isMeant(one), () => body(one));
  }
}

/** Full-functionality option of RFC 3168 §9.1.1: "congestion experienced" stays inside, the outside begins anew. */
function outerTypeOfService(inner: Int<"u32">): Int<"u32"> {
  // 3 is "congestion experienced", 2 "capable of it".
  return inner.sub(inner.and(inner.shr(1)).and(1));
}

/** Computes the checksum of an encapsulation's header and all behind it. */
function seal(
  { packet, networkOffset }: Parsed,
  outer: Family,
  { protocol, size }: Encapsulation,
  { checksum, length }: { readonly checksum: TunnelChecksum; readonly length: Int<"u32"> },
): void {
  const at = networkOffset.add(outerSizes[outer.name]);
  const covered = length.add(size.withChecksum);
  const bytes = packet.cursorAt(at).checksum(covered, { atMost: LONGEST_SUM }).orDrop(reasons.tooLongToSum);
  const ends = () =>
    outer.name === "ipv4"
      ? packet.cursorAt(networkOffset).read(Ipv4).orDrop(reasons.internal)
      : packet.cursorAt(networkOffset).read(Ipv6).orDrop(reasons.internal);
  const sum = checksum.covers === "itself" ? bytes : bytes.plus(pseudoHeader(ends(), u32(protocol.ipv4), covered));
  const check = variable<"be16">(sum.fold());
  if (checksum.zero !== 0) when(check.get().eq(0), () => check.set(be16(checksum.zero)));
  packet.cursorAt(at.add(checksum.offset)).read(Word16).orDrop(reasons.internal).word = check.get();
}
