// What a header is to the code that stacks headers: something that writes itself around the bytes inside it.
// Header files implement it; build.ts puts layers together from the innermost outwards.
import { PacketError } from "./errors.ts";

/** The kinds of headers this package knows. */
export type LayerName =
  | "ethernet"
  | "arp"
  | "ipv4"
  | "ipv6"
  | "tcp"
  | "udp"
  | "icmp4"
  | "icmp6"
  | "gre"
  | "gue"
  | "ports";

/** Where a parsed header lies: byte offset from the start of the input, and its length in bytes with all options. */
export interface Located {
  readonly offset: number;
  readonly headerLength: number;
}

/** What a layer may ask of those next to it. */
export interface Neighbours {
  readonly outer: Layer | undefined;
  readonly inner: Layer | undefined;
}

/** A header to be built: its fields are known, its lengths and checksums follow from what it encloses. */
export interface Layer {
  readonly layer: LayerName | "payload";
  /** The EtherType that announces this layer (in Ethernet, GRE). */
  readonly etherType?: number;
  /** The IP protocol number that announces this layer. */
  readonly ipProtocol?: number;
  /** On IP layers: the unfolded sum of the pseudo header for a transport of that protocol and length. */
  readonly pseudoHeader?: (protocol: number, length: number) => number;
  /** The header followed by `inside`. */
  write(inside: Uint8Array, neighbours: Neighbours): Uint8Array;
}

/** The pseudo header sum that the enclosing IP layer gives; throws when there is none. */
export function enclosingPseudoHeader(
  layer: LayerName,
  protocol: number,
  length: number,
  outer: Layer | undefined,
): number {
  if (outer?.pseudoHeader !== undefined) return outer.pseudoHeader(protocol, length);
  const found = outer === undefined ? "nothing" : outer.layer;
  throw new PacketError(
    "YM_PACKET_FIELD",
    `building ${layer}: its checksum covers addresses, but ${found} is around it; ` +
      "put ipv4 or ipv6 there or give checksum",
  );
}

/** The number that announces the inner layer; throws when neither it nor the caller knows one. */
export function announced(
  layer: LayerName,
  field: string,
  value: number | undefined,
  inner: Layer | undefined,
): number {
  if (value !== undefined) return value;
  const found = inner === undefined ? "nothing" : inner.layer;
  throw new PacketError(
    "YM_PACKET_FIELD",
    `building ${layer}: ${found} inside it says no ${field} of its own; give ${field}`,
  );
}
