// Growth of the packet at its front: the one place where the two hooks differ in how a tunnel's headers get in.

import { be16, bytes, guard, type Int, struct, u32, when } from "@yardmaster/ebpf";
import { Ethernet, VlanTag } from "./headers.ts";
import type { Frame } from "./parse.ts";
import { reasons } from "./reasons.ts";

/** What is to come into the room. */
export interface Room {
  /** Bytes: those of all headers together. The verifier sees that they are few. */
  readonly size: Int<"u32">;
  /** Family of the outer IP header, 4 or 6, and the code of the encapsulation: what a hook is told of them. */
  readonly outer: Int<"u32">;
  readonly encapsulation: Int<"u32">;
}

const LinkLayer = struct("link_layer", { macs: bytes(12), type: be16 });
const LinkSlot = struct("link_layer_at", { link: LinkLayer });
const TagSlot = struct("vlan_tag_at", { tag: VlanTag });

/**
 * Makes room between the link layer and the network header, which then begins as far from the start as before. What is
 * in the room is undefined; references into the packet become stale.
 */
export function insertRoom({ packet, networkOffset }: Frame, { size }: Room): void {
  guard(packet.adjustHead(u32(0).sub(size)).eq(0)).orDrop(reasons.internal);
  const before = packet.cursorAt(size).read(LinkSlot).orDrop(reasons.internal);
  packet.cursorAt(0).read(LinkSlot).orDrop(reasons.internal).link = before.link;
  for (const at of [Ethernet.size, Ethernet.size + VlanTag.size]) {
    when(
      networkOffset.gt(at),
      () => {
        const tag = packet.cursorAt(size.add(at)).read(TagSlot).orDrop(reasons.internal);
        packet.cursorAt(at).read(TagSlot).orDrop(reasons.internal).tag = tag.tag;
      },
      { isRare: true },
    );
  }
}
