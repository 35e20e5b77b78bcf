// Last station of the packet's road: layer-2 addresses, VLAN tag, and out.

import {
  be16,
  type Cursor,
  drop,
  guard,
  leave,
  Net,
  Packet,
  type Reference,
  struct,
  TcPacket,
  type Verdict,
  variable,
  verdictFn,
  when,
} from "@yardmaster/ebpf";
import { ETH_P_8021Q, Ethernet, VlanTag } from "./headers.ts";
import { isTag, type Parsed } from "./parse.ts";
import { reasons } from "./reasons.ts";
import { MacPair, NextHop } from "./schema.ts";
import type { BalancerShape } from "./shape.ts";

type HopReference = Reference<typeof NextHop.fields>;
/** The VLAN number among the bits of a tag (IEEE 802.1Q), as it lies in memory. */
const VLAN_ID = 0xff0f;

/** Sends the packet to `hop`, with the tag that its way wants. */
export function transmit(
  { shape, sendTagged }: Sending,
  { packet, networkOffset }: Pick<Parsed, "packet" | "networkOffset">,
  hop: HopReference,
): Verdict {
  const carried = packet.carriedTag();
  const isBare = hop.vlan.eq(0).and(networkOffset.eq(Ethernet.size));
  when(carried === undefined ? isBare : isBare.and(carried.isPresent.not()), () => {
    setAddresses(packet.cursorAt(0), hop);
    sendTo(packet, hop, shape);
  });
  packet.settle();
  return sendTagged({ packet, hop });
}

/** What sends packets of one program. */
interface Sending {
  readonly shape: BalancerShape;
  readonly sendTagged: SendTagged;
}
export type SendTagged = ReturnType<typeof sendTaggedFunction>;

/** The function that sends a packet which has a tag or is to have one. */
export function sendTaggedFunction(shape: BalancerShape) {
  return verdictFn(
    "send_tagged",
    { packet: Packet, hop: NextHop },
    ({ packet, hop }) => {
      if (packet instanceof TcPacket) return sendRetagged(packet, hop, shape);
      const outer = packet.read(Addresses).orDrop(reasons.internal);
      when(isTag(outer.type).not(), () => {
        pushTag(packet, hop);
        sendTo(packet, hop, shape);
      });
      const tag = packet.read(VlanTag).orDrop(reasons.internal);
      guard(isTag(tag.type).not()).orDrop(reasons.vlanMismatch);
      when(hop.vlan.eq(0), () => {
        popTag(packet, hop);
        sendTo(packet, hop, shape);
      });
      outer.macs = hop.macs;
      const priority = tag.tci.raw().and(0xffff ^ VLAN_ID);
      tag.tci = new Net("be16", priority.or(hop.vlan.raw()).toU16().operand());
      sendTo(packet, hop, shape);
      return drop(reasons.internal);
    },
    { isGlobal: true },
  );
}

/** Under tc tags go on and off by the stack's own means: the outer one is beside the frame, or in it (a test run's). */
function sendRetagged(packet: TcPacket, hop: HopReference, shape: BalancerShape): Verdict {
  const carried = packet.carriedTag();
  const outer = packet.read(Addresses).orDrop(reasons.internal);
  const isInFrame = isTag(outer.type);
  guard(carried.isPresent.and(isInFrame).not()).orDrop(reasons.vlanMismatch);
  const priority = variable(be16(0));
  when(carried.isPresent, () => priority.set(carried.tci));
  when(isInFrame, () => {
    const tag = packet.cursorAt(Ethernet.size).read(VlanTag).orDrop(reasons.internal);
    guard(isTag(tag.type).not()).orDrop(reasons.vlanMismatch);
    priority.set(tag.tci);
  });
  guard(packet.popTag().eq(0)).orDrop(reasons.internal);
  when(hop.vlan.ne(0), () => {
    const tci = priority
      .get()
      .raw()
      .and(0xffff ^ VLAN_ID)
      .or(hop.vlan.raw());
    guard(packet.pushTag(new Net("be16", tci.toU16().operand())).eq(0)).orDrop(reasons.internal);
  });
  setAddresses(packet.cursorAt(0), hop);
  sendTo(packet, hop, shape);
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
  const goesBack = packet.hook === "xdp" && shape.sendBack !== "redirect";
  if (goesBack) when(hop.ifindex.eq(packet.ingressIfindex()), () => leave(packet.sendBack()));
  leave(packet.sendTo(hop.ifindex));
}
