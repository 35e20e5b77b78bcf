// The neighbour table (ARP, NDP): which link-layer address an address on the link has.

import { addressBytes, addressText, macText } from "../address.ts";
import { Attributes } from "./message.ts";
import { askRoute } from "./route-socket.ts";

/** include/uapi/linux/rtnetlink.h */
const RTM_NEWNEIGH = 28;
const RTM_GETNEIGH = 30;
/** sizeof(struct ndmsg) */
const FIXED_SIZE = 12;
const NDA_DST = 1;
const NDA_LLADDR = 2;
const NDA_CACHEINFO = 3;
/** Of ndm_updated in struct nda_cacheinfo (include/uapi/linux/neighbour.h), which counts hundredths of a second. */
const UPDATED_OFFSET = 8;
const UPDATED_UNIT_MS = 10;
/** NUD_* (include/uapi/linux/neighbour.h) */
const STATES: ReadonlyMap<number, NeighbourState> = new Map([
  [0x01, "incomplete"],
  [0x02, "reachable"],
  [0x04, "stale"],
  [0x08, "delay"],
  [0x10, "probe"],
  [0x20, "failed"],
  [0x40, "noarp"],
  [0x80, "permanent"],
]);

/** How sure the kernel is of an entry. */
export type NeighbourState =
  | "none"
  | "incomplete"
  | "reachable"
  | "stale"
  | "delay"
  | "probe"
  | "failed"
  | "noarp"
  | "permanent";

/** One entry. */
export interface Neighbour {
  readonly interfaceIndex: number;
  readonly address: string;
  /** Undefined while it is not known. */
  readonly mac: string | undefined;
  readonly state: NeighbourState;
  /** How long it has been as it is, in milliseconds; with state `incomplete`: how long nobody has answered. */
  readonly unchangedMs: number;
}

/** NTF_USE: resolve the address as a packet to it would (include/uapi/linux/neighbour.h). */
const NTF_USE = 1;
/** include/uapi/linux/netlink.h */
const NLM_F_ACK = 0x4;
const NLM_F_CREATE = 0x400;
const AF_INET = 2;
const AF_INET6 = 10;

/** Has the kernel resolve an address on the link, or confirm what it knows, without sending a packet of ours. */
export function resolveNeighbour(interfaceIndex: number, address: string): void {
  const destination = addressBytes(address);
  const fixed = new Uint8Array(FIXED_SIZE);
  const view = new DataView(fixed.buffer);
  view.setUint8(0, destination.length === 4 ? AF_INET : AF_INET6);
  view.setInt32(4, interfaceIndex, true);
  view.setUint8(10, NTF_USE);
  const attributes = [{ type: NDA_DST, value: destination }];
  const flags = NLM_F_ACK | NLM_F_CREATE;
  askRoute({ type: RTM_NEWNEIGH, fixed, attributes, dump: false, flags, doing: `resolving neighbour ${address}` });
}

/** All entries for IPv4 and IPv6 of this network namespace. */
export function listNeighbours(): readonly Neighbour[] {
  const request = { type: RTM_GETNEIGH, fixed: new Uint8Array(FIXED_SIZE), dump: true, doing: "listing neighbours" };
  return askRoute(request).flatMap(({ payload }) => {
    const attributes = new Attributes(payload, FIXED_SIZE);
    const address = attributes.bytes(NDA_DST);
    if (address === undefined || (address.length !== 4 && address.length !== 16)) return [];
    const mac = attributes.bytes(NDA_LLADDR);
    const info = attributes.bytes(NDA_CACHEINFO);
    const updated = info && new DataView(info.buffer, info.byteOffset).getUint32(UPDATED_OFFSET, true);
    return {
      interfaceIndex: payload.getInt32(4, true),
      address: addressText(address),
      mac: mac && macText(mac),
      state: STATES.get(payload.getUint16(8, true)) ?? "none",
      unchangedMs: (updated ?? 0) * UPDATED_UNIT_MS,
    };
  });
}
