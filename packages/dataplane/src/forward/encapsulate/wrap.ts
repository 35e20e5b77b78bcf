// Puts a packet into a tunnel: room at the front, the outer IP header, the encapsulation's own header, and its checksum.
// Outer headers are as the kernel's IPVS writes them (ip_vs_prepare_tunneled_skb, ip_vs_tunnel_xmit and
// ip_vs_tunnel_xmit_v6 in net/netfilter/ipvs/ip_vs_xmit.c).

import { be16, type Bool, type Int, type Reference, u32, variable, when } from "@yardmaster/ebpf";
import { families, type Family, type FamilyName } from "../../family.ts";
import { flowHash } from "../../flow-hash.ts";
import { Ipv4, Ipv6, Word16 } from "../../headers.ts";
import type { Parsed } from "../../parse.ts";
import { pseudoHeader } from "../../pseudo-header.ts";
import { reasons } from "../../reasons.ts";
import { insertRoom } from "../../room.ts";
import { type Destination, destinationFlags, SPREAD_SHIFT } from "../../schema.ts";
import { type BalancerShape, hasFeature } from "../../shape.ts";
import type { Encapsulation, TunnelChecksum } from "./encapsulation.ts";
import { type OuterFields, writeOuter } from "./outer-header.ts";
import { encapsulations, outerSizes, tunnelOverhead } from "./registry.ts";

/** The tunnel that a packet goes into. */
export interface Tunnel {
  readonly destination: Reference<typeof Destination.fields>;
  /** Of the outer header: 4 or 6. */
  readonly version: Int<"u32">;
}

/** What the verifier can bound: more than any frame is long. */
const LONGEST_SUM = 2047;

/** Wraps the packet, which is then to be sent or left to the stack: nothing read from it before holds any more. */
export function wrap(shape: BalancerShape, parsed: Parsed, { destination, version }: Tunnel): void {
  const { network } = parsed;
  const all = shape.encapsulations.map((name) => encapsulations[name]);
  const spreads = hasFeature(shape, "tunnelSources");
  const hash = spreads || all.some(({ tellsFlows }) => tellsFlows) ? flowHash(parsed) : u32(0);
  // Read now: what is read from the packet is lost when it grows.
  const inside: Inside = {
    family: network.family.name,
    hash,
    length: network.length.add(0),
    typeOfService: outerTypeOfService(network.typeOfService),
    dontFragment: network.dontFragment,
    hops: network.hops.toU32(),
    spread: spreads ? hash.and(spreadMask(destination)) : u32(0),
  };
  const outers = hasFeature(shape, "mixedFamilies") ? [families.ipv4, families.ipv6] : [network.family];
  const code = destination.encapsulation.and((1 << SPREAD_SHIFT) - 1);
  const flag = destination.flags.and(destinationFlags.tunnelChecksum);
  const isOf = ({ digit }: Family) => version.eq(Number(digit));
  among(outers, isOf, (outer) => {
    among(
      all,
      (one) => code.eq(one.code),
      (encapsulation) => {
        const kinds =
          encapsulation.checksum !== undefined && hasFeature(shape, "tunnelChecksums") ? [true, false] : [false];
        among(
          kinds,
          (has) => (has ? flag.ne(0) : flag.eq(0)),
          (hasChecksum) => {
            wrapAs(parsed, destination, { outer, encapsulation, hasChecksum }, inside);
          },
        );
      },
    );
  });
}

/** One of the ways to wrap that a program has. */
interface Wrapping {
  readonly outer: Family;
  readonly encapsulation: Encapsulation;
  readonly hasChecksum: boolean;
}

/** What is known of the packet to be wrapped. */
interface Inside extends Omit<OuterFields, "protocol"> {
  readonly family: FamilyName;
  readonly hash: Int<"u32">;
}

function wrapAs(parsed: Parsed, destination: Tunnel["destination"], wrapping: Wrapping, inside: Inside): void {
  const { packet, networkOffset } = parsed;
  const { outer, encapsulation, hasChecksum } = wrapping;
  const { transport, protocol, checksum, write } = encapsulation;
  const size = tunnelOverhead(encapsulation.name, outer.name, { hasChecksum });
  insertRoom(parsed, size, { family: outer.name, ...(transport !== undefined && { transport }) });
  const length = inside.length.add(size);
  writeOuter(outer, packet.cursorAt(networkOffset), destination, {
    ...{ ...inside, length, protocol: protocol[inside.family] },
  });
  write(packet.cursorAt(networkOffset.add(outerSizes[outer.name])), {
    ...{
      inner: inside.family,
      length: inside.length,
      flowHash: inside.hash,
      port: destination.tunnelPort,
      hasChecksum,
    },
  });
  if (hasChecksum && checksum !== undefined) seal(parsed, wrapping, checksum, length);
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

/** Computes the checksum of an encapsulation's header and all behind it; `length` is that of the outer packet. */
function seal(
  { packet, networkOffset }: Parsed,
  { outer, encapsulation }: Wrapping,
  { covers, offset, zero }: TunnelChecksum,
  length: Int<"u32">,
): void {
  const at = networkOffset.add(outerSizes[outer.name]);
  const covered = length.sub(outerSizes[outer.name]);
  const bytes = packet.cursorAt(at).checksum(covered, { atMost: LONGEST_SUM }).orDrop(reasons.tooLongToSum);
  const ends = () =>
    outer.name === "ipv4"
      ? packet.cursorAt(networkOffset).read(Ipv4).orDrop(reasons.internal)
      : packet.cursorAt(networkOffset).read(Ipv6).orDrop(reasons.internal);
  const protocol = u32(encapsulation.protocol.ipv4);
  const sum = covers === "itself" ? bytes : bytes.plus(pseudoHeader(ends(), protocol, covered));
  const check = variable<"be16">(sum.fold());
  if (zero !== 0) when(check.get().eq(0), () => check.set(be16(zero)));
  packet.cursorAt(at.add(offset)).read(Word16).orDrop(reasons.internal).word = check.get();
}
