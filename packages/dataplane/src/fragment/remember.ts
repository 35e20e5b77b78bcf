// What is remembered of the first fragment of a datagram: its ports. The later ones have none and follow its flow.
// Nothing is put together again, as netfilter does before IPVS looks: see docs/decisions.

import { fn, type Int, Packet, u32, when } from "@yardmaster/ebpf";
import type { Family } from "../family.ts";
import { Ipv4, Ipv6, Ipv6Fragment, Ports } from "../headers.ts";
import type { FragmentHeader } from "../network-header.ts";
import type { Parsed } from "../parse.ts";
import { OFFSET_MASK } from "../room.ts";
import type { BalancerMaps } from "../schema.ts";

/**
 * For how long: as long as Linux waits for the rest of a datagram (IP_FRAG_TIME, include/net/ip.h; IPV6_FRAG_TIMEOUT is
 * twice as long). A receiver has no use for what comes later.
 */
const SECONDS = 30;

/** What finds the fragments of a datagram. */
export function fragmentKey({ source, destination, protocol, identification }: Omit<FragmentHeader, "isLater">) {
  return { source, destination, identification, protocol: protocol.toU32() };
}

/** Remembers the first fragment of a datagram, which is on its way in a connection. */
export type RememberFragment = (parsed: Parsed, now: Int<"u32">) => void;

/** What remembers those of a family. Of other packets it costs a look at what they say of fragments. */
export function rememberFragment(maps: BalancerMaps, family: Family): RememberFragment {
  const remember = fn(
    `remember${family.digit}`,
    { packet: Packet, network: u32, now: u32 },
    u32,
    ({ packet, network, now }) => {
      readFragment(family, packet, network.and(OFFSET_MASK), (fragment) => {
        const ports = packet.cursorAt(fragment.payloadOffset).read(Ports).orReturn(0);
        maps[family.name].fragments.update(fragmentKey(fragment), {
          sourcePort: ports.source,
          destinationPort: ports.destination,
          expiresAt: now.add(maps.settings.value.ticksPerSecond.mul(SECONDS)),
        });
      });
      return u32(0);
    },
    { isGlobal: true },
  );
  return ({ packet, network, networkOffset }, now) => {
    when(network.isFragment, () => remember({ packet, network: networkOffset, now }), { isRare: true });
  };
}

function readFragment(
  family: Family,
  packet: Packet,
  offset: Int<"u32">,
  body: (fragment: Omit<FragmentHeader, "isLater">) => void,
): void {
  if (family.name === "ipv4") {
    const ip = packet.cursorAt(offset).read(Ipv4).orReturn(0);
    const { source, destination, protocol } = ip;
    const payloadOffset = offset.add(ip.versionAndLength.and(0x0f).shl(2));
    body({ source, destination, protocol, identification: ip.identification.raw().toU32(), payloadOffset });
    return;
  }
  const { source, destination } = packet.cursorAt(offset).read(Ipv6).orReturn(0);
  const { nextHeader: protocol, identification } = packet
    .cursorAt(offset.add(Ipv6.size))
    .read(Ipv6Fragment)
    .orReturn(0);
  const payloadOffset = offset.add(Ipv6.size + Ipv6Fragment.size);
  body({ source, destination, protocol, identification: identification.raw(), payloadOffset });
}
