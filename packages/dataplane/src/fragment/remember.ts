// What is remembered of the first fragment of a datagram: its ports. The later ones have none and follow its flow.
// Nothing is put together again, as netfilter does before IPVS looks: see docs/decisions.

import { type Int, type Packet, guard } from "@yardmaster/ebpf";
import type { Family } from "../family.ts";
import { IPPROTO_TCP, IPPROTO_UDP, Ports } from "../headers.ts";
import type { FragmentHeader } from "../network-header.ts";
import { reasons } from "../reasons.ts";
import type { BalancerMaps } from "../schema.ts";

/**
 * For how long: as long as Linux waits for the rest of a datagram (IP_FRAG_TIME, include/net/ip.h; IPV6_FRAG_TIMEOUT is
 * twice as long). A receiver has no use for what comes later.
 */
const SECONDS = 30;

/** What finds the fragments of a datagram. */
export function fragmentKey({ source, destination, protocol, identification }: FragmentHeader) {
  return { source, destination, identification, protocol: protocol.toU32() };
}

/** Remembers a first fragment. One without ports passes: nothing could follow it. */
export function rememberFragment(
  maps: BalancerMaps,
  family: Family,
  packet: Packet,
  fragment: FragmentHeader,
  now: Int<"u32">,
): void {
  const { protocol, payloadOffset } = fragment;
  guard(protocol.eq(IPPROTO_TCP).or(protocol.eq(IPPROTO_UDP))).orPass(reasons.fragment);
  const ports = packet.cursorAt(payloadOffset).read(Ports).orPass(reasons.truncated);
  maps[family.name].fragments.update(fragmentKey(fragment), {
    sourcePort: ports.source,
    destinationPort: ports.destination,
    expiresAt: now.add(maps.settings.value.ticksPerSecond.mul(SECONDS)),
  });
}
