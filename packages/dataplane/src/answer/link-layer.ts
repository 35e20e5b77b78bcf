// The link-layer header of answers: back to where the packet came from.

import { be16, bytes, type Int, type Packet, stack, struct, when } from "@yardmaster/ebpf";
import { Ethernet, VlanTag } from "../headers.ts";
import { reasons } from "../reasons.ts";
import { MacPair } from "../schema.ts";

const Addresses = struct("ethernet_pair", { destination: bytes(6), source: bytes(6), type: be16 }, { packed: true });

/**
 * Copies what stands `by` bytes from the start, `networkOffset` bytes long, to the start, the two addresses exchanged.
 * Where `by` is 0 it only exchanges them.
 */
export function returnLinkLayer(packet: Packet, networkOffset: Int<"u32">, by: number): void {
  const before = packet.cursorAt(by).read(Addresses).orDrop(reasons.internal);
  const after = packet.cursorAt(0).read(Addresses).orDrop(reasons.internal);
  // In the bytes of what only connections that are being made need.
  const macs = stack(MacPair, { destination: before.source, source: before.destination }, { share: "owner" });
  after.destination = macs.destination;
  after.source = macs.source;
  if (by === 0) return;
  after.type = before.type;
  for (const at of [Ethernet.size, Ethernet.size + VlanTag.size]) {
    when(networkOffset.gt(at), () => {
      const tag = packet
        .cursorAt(by + at)
        .read(VlanTag)
        .orDrop(reasons.internal);
      packet.cursorAt(at).read(TagSlot).orDrop(reasons.internal).tag = tag;
    });
  }
}
const TagSlot = struct("vlan_slot", { tag: VlanTag });
