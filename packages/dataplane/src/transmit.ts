// Last station of the packet's road: layer-2 addresses, VLAN tag, and out.

import {
  be16,
  type Cursor,
  drop,
  guard,
  leave,
  Net,
  type Packet,
  type Reference,
  redirect,
  struct,
  tx,
  type Verdict,
  verdict,
  when,
} from "@yardmaster/ebpf";
import { ETH_P_8021Q, Ethernet, VlanTag } from "./headers.ts";
import type { Parsed } from "./parse.ts";
import { reasons } from "./reasons.ts";
import { MacPair, type NextHop } from "./schema.ts";
import type { BalancerShape } from "./shape.ts";

type HopReference = Reference<typeof NextHop.fields>;
/** The VLAN number among the bits of a tag (IEEE 802.1Q), as it lies in memory. */
const VLAN_ID = 0xff0f;

/** Sends the packet to `hop`, with the tag that its way wants. */
export function transmit(parsed: Parsed, hop: HopReference, shape: BalancerShape): Verdict {
  const { packet, networkOffset } = parsed;
  const send = () => sendTo(packet, hop, shape);
  const isTagged = networkOffset.ne(Ethernet.size);
  when(hop.vlan.eq(0).and(isTagged.not()), () => {
    setAddresses(packet.cursorAt(0), hop);
    send();
  });
  guard(networkOffset.le(Ethernet.size + VlanTag.size)).orDrop(reasons.vlanMismatch);
  when(isTagged.not(), () => {
    pushTag(packet, hop);
    send();
  });
  when(hop.vlan.eq(0), () => {
    popTag(packet, hop);
    send();
  });
  const frame = packet.cursorAt(0);
  setAddresses(frame, hop);
  const tag = frame.read(VlanTag).orDrop(reasons.internal);
  const priority = tag.tci.raw().and(0xffff ^ VLAN_ID);
  tag.tci = new Net("be16", priority.or(hop.vlan.raw()).toU16().operand());
  send();
  return drop(reasons.internal);
}

/** Where frames carry their addresses; 14 bytes as all Ethernet headers. */
const Addresses = struct("ethernet_macs", { macs: MacPair, type: be16 });

function setAddresses(frame: Cursor, hop: HopReference): void {
  frame.read(Addresses).orDrop(reasons.internal).macs = hop.macs;
}

/** Puts a tag between the addresses and the type, which stays where it is: the frame grows at its head. */
function pushTag(packet: Packet, hop: HopReference): void {
  guard(packet.adjustHead(-VlanTag.size).eq(0)).orDrop(reasons.internal);
  const frame = packet.cursorAt(0);
  const header = frame.read(Addresses).orDrop(reasons.internal);
  header.macs = hop.macs;
  header.type = be16(ETH_P_8021Q);
  frame.read(VlanTag).orDrop(reasons.internal).tci = hop.vlan;
}

/** Takes the tag out: the addresses move up to the inner type, and the frame begins there. */
function popTag(packet: Packet, hop: HopReference): void {
  setAddresses(packet.cursorAt(VlanTag.size), hop);
  guard(packet.adjustHead(VlanTag.size).eq(0)).orDrop(reasons.internal);
}

function sendTo(packet: Packet, hop: HopReference, shape: BalancerShape): void {
  if (shape.sendBack !== "redirect") when(hop.ifindex.eq(packet.ingressIfindex()), () => leave(tx()));
  leave(verdict(redirect(hop.ifindex)));
}
