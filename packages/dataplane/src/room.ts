// Growth of the packet at its front, for a tunnel's headers, and the way back; and headers of another length.

import { be16, bytes, type Encapsulation, guard, type Int, struct, u32, when } from "@yardmaster/ebpf";
import type { FamilyName } from "./family.ts";
import { Ethernet, Ipv4, Ipv6, VlanTag, Word16 } from "./headers.ts";
import { etherTypes } from "./network-header.ts";
import type { Parsed } from "./parse.ts";
import { reasons } from "./reasons.ts";

const LinkLayer = struct("link_layer", { macs: bytes(12), type: be16 });
const LinkSlot = struct("link_layer_at", { link: LinkLayer });
const TagSlot = struct("vlan_tag_at", { tag: VlanTag });

type Place = Pick<Parsed, "packet" | "networkOffset">;

/** Network headers begin at 14, 18 or 22. */
export const OFFSET_MASK = 31;

/**
 * Makes room of `size` bytes between link layer and network header for the outer headers that `what` says; the packet's
 * network header begins as far from the start as before, and the link layer announces the outer one. What is in the
 * room is undefined, references into the packet become stale. Under tc packets with a second tag are dropped.
 */
export function insertRoom({ packet, networkOffset }: Place, size: number, what: Encapsulation): void {
  // Under tc the outermost tag is beside the frame, and behind one in it the stack makes no room: its protocol is the
  // tag's (bpf_skb_adjust_room, net/core/filter.c).
  if (packet.hook === "tc") guard(networkOffset.eq(Ethernet.size)).orDrop(reasons.vlanMismatch);
  guard(packet.encapsulate(size, what).eq(0)).orDrop(reasons.internal);
  linkToFront({ packet, networkOffset }, size);
  announce({ packet, networkOffset }, what.family);
}

/** Moves the link layer to the front, over room of `size` bytes that has been made there. */
function linkToFront({ packet, networkOffset }: Place, size: number): void {
  // Under tc the stack has moved what is before the room, and keeps the outermost tag elsewhere.
  if (packet.hook === "tc") return;
  const before = packet.cursorAt(size).read(LinkSlot).orDrop(reasons.internal);
  packet.cursorAt(0).read(LinkSlot).orDrop(reasons.internal).link = before.link;
  for (const at of [Ethernet.size, Ethernet.size + VlanTag.size]) {
    when(
      networkOffset.gt(at),
      () => {
        const from = packet.cursorAt(size + at);
        packet.cursorAt(at).read(TagSlot).orDrop(reasons.internal).tag = from
          .read(TagSlot)
          .orDrop(reasons.internal).tag;
      },
      { isRare: true },
    );
  }
}

/** Has the link layer say that a packet of this family follows. */
function announce({ packet, networkOffset }: Place, family: FamilyName): void {
  // Masked for the verifier, to which this could be below 0.
  const typeAt = networkOffset.sub(Word16.size).and(OFFSET_MASK);
  const type = packet.cursorAt(typeAt).read(Word16).orDrop(reasons.internal);
  type.word = be16(etherTypes[family]);
}

/**
 * Makes the plain IP header that the packet begins with as long as that of `family`, the other one, and the link layer
 * announce it. The transport header stays where it is, the header itself is undefined, references become stale. Under
 * tc packets with a second tag are dropped.
 */
export function changeFamily(place: Place, family: FamilyName): void {
  const { packet, networkOffset } = place;
  if (packet.hook === "tc") guard(networkOffset.eq(Ethernet.size)).orDrop(reasons.vlanMismatch);
  if (family === "ipv4") linkToBack(place, u32(Ipv6.size - Ipv4.size));
  guard(packet.changeFamily(family).eq(0)).orDrop(reasons.internal);
  if (family === "ipv6") linkToFront(place, Ipv6.size - Ipv4.size);
  announce(place, family);
}

/**
 * Makes room of `size` bytes behind the link layer, of undefined content; under tc packets must have no tags in them.
 */
export function makeRoom(place: Place, size: number): void {
  guard(place.packet.makeRoom(size).eq(0)).orDrop(reasons.internal);
  linkToFront(place, size);
}

/**
 * Takes `size` bytes out between link layer and network header, at least as many as the link layer has; references into
 * the packet become stale. Under tc frames must have no tags in them.
 */
export function removeRoom(place: Place, size: Int<"u32">): void {
  linkToBack(place, size);
  guard(place.packet.removeRoom(size).eq(0)).orDrop(reasons.internal);
}

/** Moves the link layer `size` bytes on, to where the packet will begin. */
function linkToBack({ packet, networkOffset }: Place, size: Int<"u32">): void {
  if (packet.hook === "tc") return;
  // The tags first: what they move to may be where the addresses come from, never the other way round.
  for (const at of [Ethernet.size + VlanTag.size, Ethernet.size]) {
    when(
      networkOffset.gt(at),
      () => {
        const from = packet.cursorAt(at).read(TagSlot).orDrop(reasons.internal);
        packet.cursorAt(size.add(at)).read(TagSlot).orDrop(reasons.internal).tag = from.tag;
      },
      { isRare: true },
    );
  }
  const before = packet.cursorAt(0).read(LinkSlot).orDrop(reasons.internal);
  packet.cursorAt(size).read(LinkSlot).orDrop(reasons.internal).link = before.link;
}
