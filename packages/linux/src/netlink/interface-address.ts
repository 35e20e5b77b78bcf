// The addresses that interfaces have.

import { addressText } from "../address.ts";
import { Attributes } from "./message.ts";
import { askRoute } from "./route-socket.ts";

/** include/uapi/linux/rtnetlink.h */
const RTM_GETADDR = 22;
/** sizeof(struct ifaddrmsg) */
const FIXED_SIZE = 8;
/** include/uapi/linux/if_addr.h. On point-to-point links ADDRESS is the peer and LOCAL is ours. */
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;

/** An address of an interface. */
export interface InterfaceAddress {
  readonly interfaceIndex: number;
  readonly address: string;
  readonly prefixLength: number;
}

/** All addresses, IPv4 and IPv6, of this network namespace. */
export function listAddresses(): readonly InterfaceAddress[] {
  const request = { type: RTM_GETADDR, fixed: new Uint8Array(FIXED_SIZE), dump: true, doing: "listing addresses" };
  return askRoute(request).flatMap(({ payload }) => {
    const attributes = new Attributes(payload, FIXED_SIZE);
    const address = attributes.bytes(IFA_LOCAL) ?? attributes.bytes(IFA_ADDRESS);
    if (address === undefined) return [];
    const prefixLength = payload.getUint8(1);
    return { interfaceIndex: payload.getUint32(4, true), address: addressText(address), prefixLength };
  });
}
