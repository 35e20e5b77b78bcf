// Helpers that only sched_cls programs have: they work on socket buffers (net/core/filter.c).

import { EINVAL } from "../maps/store.ts";
import { fold16, swap16 } from "../ones-complement.ts";
import type { HelperCall, HelperTable } from "./helper.ts";

const ENOMEM = 12;
const EFAULT = 14;
const ENOTSUPP = 524;
const TC_ACT_SHOT = 2;
const TC_ACT_REDIRECT = 7;
/** BPF_F_PSEUDO_HDR, BPF_F_MARK_MANGLED_0 and the bits of a field's size. */
const PSEUDO_HEADER = 0x10;
const MARK_MANGLED_0 = 0x20;
const FIELD_SIZE = 0xf;
/** BPF_ADJ_ROOM_NET, BPF_ADJ_ROOM_MAC; BPF_F_ADJ_ROOM_FIXED_GSO. */
const ROOM_BEHIND_NETWORK_LAYER = 0;
const ROOM_BEHIND_LINK_LAYER = 1;
const FIXED_GSO = 1;
const MOST_ROOM = 0xfff;
const ETHERNET_HEADER = 14;
const REDIRECT_SIZE = 20;

/** Headers that the room may be made behind, by EtherType in memory order: their lengths (bpf_skb_net_base_len). */
const NETWORK_HEADERS: ReadonlyMap<number, number> = new Map([
  [0x0008, 20],
  [0xdd86, 40],
]);

export const socketBufferHelpers: HelperTable = {
  11: replaceTransportChecksum,
  18: pushTag,
  19: popTag,
  31: changeProtocol,
  38: changeTail,
  39: pullData,
  40: updateSum,
  43: changeHead,
  50: adjustRoom,
  152: redirectNeighbour,
};

/**
 * Of a sum yet to be computed the field holds that of the pseudo header, not inverted, and nothing else counts. A sum
 * over the whole packet is taken for one whose IPv4 header balances its addresses (inet_proto_csum_replace_by_diff).
 */
function replaceTransportChecksum(call: HelperCall): number {
  const { packet, buffer } = call;
  const [offset, flags] = [call.int(2), call.int(5)];
  if ((offset & 1) !== 0) return -EFAULT;
  const field = packet.slice(offset, 2);
  if (field === undefined || !packet.makeReadable(offset + 2)) return -EFAULT;
  if (call.argument(3) !== 0n || (flags & FIELD_SIZE) !== 0) return -EINVAL;
  const difference = fold16(call.int(4) >>> 0);
  const isPseudo = (flags & PSEUDO_HEADER) !== 0;
  const current = ((field[1] ?? 0) << 8) | (field[0] ?? 0);
  if ((flags & MARK_MANGLED_0) !== 0 && current === 0) return 0;
  let result = current;
  if (buffer.isPartial) {
    if (isPseudo) result = fold16(current + difference);
  } else {
    result = ~fold16((~current & 0xffff) + difference) & 0xffff;
    const sum = buffer.completeSum;
    if (sum !== undefined && isPseudo) buffer.completeSum = fold16(sum + (~swap16(difference) & 0xffff));
  }
  if ((flags & MARK_MANGLED_0) !== 0 && result === 0) result = 0xffff;
  field.set([result & 0xff, result >>> 8]);
  return 0;
}

/** A card's sum plus another; nothing without one. */
function updateSum(call: HelperCall): number {
  const { buffer } = call;
  if (buffer.completeSum === undefined) return -ENOTSUPP;
  buffer.completeSum = fold16(buffer.completeSum + swap16(fold16(call.int(2) >>> 0)));
  return swap16(buffer.completeSum);
}

/** A tag that is there already goes into the frame (skb_vlan_push). */
function pushTag(call: HelperCall): number {
  const { buffer } = call;
  if (buffer.tag !== undefined && !buffer.insertTag(buffer.tag)) return -ENOMEM;
  buffer.tag = { type: swap16(call.int(2) & 0xffff), tci: call.int(3) & 0xffff };
  return 0;
}

/** Takes the tag beside the frame, or else the first one in it; the next one in the frame takes its place. */
function popTag({ buffer }: HelperCall): number {
  if (buffer.tag === undefined && buffer.takeTag() === undefined) return 0;
  buffer.tag = buffer.takeTag();
  return 0;
}

function changeTail(call: HelperCall): number {
  const { packet, buffer } = call;
  const length = call.int(2);
  if (call.argument(3) !== 0n || length < buffer.minimumLength) return -EINVAL;
  packet.makeReadable(packet.wholeEnd - packet.start);
  let isDone = false;
  buffer.moving(() => (isDone = packet.adjustTail(length - (packet.wholeEnd - packet.start))));
  if (!isDone) return -ENOMEM;
  buffer.segmentPayload = 0;
  return 0;
}

function pullData(call: HelperCall): number {
  const { packet } = call;
  const length = call.int(2) >>> 0;
  return packet.makeReadable(length === 0 ? packet.end - packet.start : length) ? 0 : -ENOMEM;
}

function changeHead(call: HelperCall): number {
  const { packet, buffer } = call;
  if (call.argument(3) !== 0n || call.int(2) < 0) return -EINVAL;
  let isDone = false;
  buffer.moving(() => (isDone = packet.insertBytes(0, call.int(2))));
  return isDone ? 0 : -ENOMEM;
}

/** From one version of IP to the other: the header's length and what the buffer says that it is, nothing else. */
function changeProtocol(call: HelperCall): number {
  const { packet, buffer } = call;
  const protocol = call.int(2) & 0xffff;
  if (call.argument(3) !== 0n) return -EINVAL;
  const [before, after] = [NETWORK_HEADERS.get(packet.etherType), NETWORK_HEADERS.get(protocol)];
  if (before === undefined || after === undefined || before === after) return -ENOTSUPP;
  let isDone = true;
  buffer.moving(() => {
    if (after > before) isDone = packet.insertBytes(ETHERNET_HEADER, after - before);
    else packet.removeBytes(ETHERNET_HEADER, before - after);
  });
  return isDone ? 0 : -ENOMEM;
}

/** Room behind a header; packets to be divided get smaller segments, so that these fit as before. */
function adjustRoom(call: HelperCall): number {
  const { packet, buffer } = call;
  const [difference, mode, flags] = [call.int(2), call.int(3), call.int(4)];
  const networkHeader = NETWORK_HEADERS.get(packet.etherType);
  if (networkHeader === undefined || Math.abs(difference) > MOST_ROOM) return -ENOTSUPP;
  if (mode !== ROOM_BEHIND_LINK_LAYER && mode !== ROOM_BEHIND_NETWORK_LAYER) return -ENOTSUPP;
  const at = ETHERNET_HEADER + (mode === ROOM_BEHIND_LINK_LAYER ? 0 : networkHeader);
  let isDone = true;
  buffer.moving(() => {
    if (difference < 0) packet.removeBytes(at, -difference);
    else isDone = packet.insertBytes(at, difference);
  });
  if (!isDone) return -ENOMEM;
  const isDivided = buffer.segmentPayload !== 0 && (flags & FIXED_GSO) === 0;
  if (isDivided) buffer.segmentPayload -= difference;
  return 0;
}

function redirectNeighbour(call: HelperCall): number {
  const size = call.int(3);
  if (call.argument(4) !== 0n || (size !== 0 && size < REDIRECT_SIZE)) return TC_ACT_SHOT;
  call.redirect(call.int(1), size === 0 ? new Uint8Array() : call.bytes(2, size));
  return TC_ACT_REDIRECT;
}
