// What tunnels wrap packets in, and its parameters: an attribute of destinations that are forwarded to by tun.
import { type EncapsulationName, encapsulations, tunnelOverhead } from "@yardmaster/dataplane";
import { familyOf } from "../address.ts";

/** Encapsulations by the words people write. */
export const encapsulationNames = Object.keys(encapsulations) as [EncapsulationName, ...EncapsulationName[]];

/** The UDP port that GUE is known by (IANA), host order. */
export const defaultGuePort = 6080;

/** How a tunnel wraps packets. */
export type Encapsulation =
  | { readonly kind: "ipip" }
  /** `port`: where the server listens, host order; `hasChecksum`: over UDP's header and all inside. */
  | { readonly kind: "gue"; readonly port: number; readonly hasChecksum: boolean }
  | { readonly kind: "gre"; readonly hasChecksum: boolean };

/** What a destination gets that says nothing of it. */
export const defaultEncapsulation: Encapsulation = { kind: "ipip" };

/** Whether its headers carry a checksum over what is inside. */
export function hasChecksum(encapsulation: Encapsulation): boolean {
  return encapsulation.kind !== "ipip" && encapsulation.hasChecksum;
}

/** Bytes that tunnelling to `address` adds to each packet. */
export function overheadOf(encapsulation: Encapsulation, address: string): number {
  return tunnelOverhead(encapsulation.kind, familyOf(address), { hasChecksum: hasChecksum(encapsulation) });
}
