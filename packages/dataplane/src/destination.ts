// A real server as one service uses it: what the control plane writes and the programs read.

import { be16, struct, u32, u64, u8 } from "@yardmaster/ebpf";
import { AnyAddress } from "./address.ts";

/** Bits of `flags` of a destination. */
export const destinationFlags = {
  /** Replies are told by a rule. */
  hasReplyRule: 1,
  /** Removed: it gets nothing new, and its connections what the settings say. */
  removed: 2,
  /** Its address is of IPv6, whatever its service's is. */
  isIpv6: 4,
  /** Its tunnel's headers carry a checksum over what is inside (GUE, GRE). */
  tunnelChecksum: 8,
  /** Full NAT: it is told who its clients are. */
  tellsClient: 16,
  /** Health checks have found it down, which is more than a weight of 0: nobody begins anything with it. */
  down: 32,
} as const;

/** Where a destination's encapsulation byte says how many bits of its tunnel's source tell flows apart. */
export const SPREAD_SHIFT = 2;

/** A real server as one service uses it, by index. Written by the control plane only. */
export const Destination = struct("destination", {
  address: AnyAddress,
  port: be16,
  method: u8,
  flags: u8,
  /** Index of its service. */
  service: u32,
  weight: u32,
  /** Connections at which it is overloaded, 0: never; and below which it is no longer. */
  upperThreshold: u32,
  lowerThreshold: u32,
  /**
   * Of a tunnel: the code of its encapsulation in the low two bits; above them, how many low bits of `tunnelSource` a
   * hash of the flow fills, so that receivers share the load.
   */
  encapsulation: u8,
  /** Of a tunnel: bytes that its headers add. */
  overhead: u8,
  /** Of a tunnel: the UDP port of GUE. */
  tunnelPort: be16,
  /**
   * Full NAT: its local addresses in the map of those, the index of the first in the low half, how many in the high
   * one. One word, so that another pool takes the place of this one at once.
   */
  localPool: u64,
  /**
   * The director's address towards it, where packets come from that are the director's own: those of a tunnel, and of
   * nat ICMP errors to the server; 0: none is known.
   */
  tunnelSource: AnyAddress,
});
