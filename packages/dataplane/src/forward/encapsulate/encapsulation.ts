// What every encapsulation is: the headers that a tunnel puts between the outer IP header and the packet inside. One
// file for each in this folder; forward/tun.ts writes the outer IP header.

import type { Cursor, Int, Net } from "@yardmaster/ebpf";
import type { FamilyName } from "../../family.ts";

/** Names as the configuration has them. */
export type EncapsulationName = "ipip" | "gue" | "gre";

/** What an encapsulation is told of the packet that it wraps. */
export interface Contents {
  readonly inner: FamilyName;
  /** Bytes inside, without any tunnel header. */
  readonly length: Int<"u32">;
  /** A number of 32 bits that is the same for all packets of a flow. */
  readonly flowHash: Int<"u32">;
  /** Where GUE is listened for at the server. */
  readonly port: Net<"be16">;
  /** Whether there is to be a checksum. */
  readonly hasChecksum: boolean;
}

/** Where an encapsulation keeps its checksum, and what that covers besides its own header and the packet inside. */
export interface TunnelChecksum {
  /** Bytes from the start of the encapsulation's own header. */
  readonly offset: number;
  readonly covers: "itself" | "pseudoHeader";
  /** What is written for a checksum of 0. */
  readonly zero: 0 | 0xffff;
}

export interface Encapsulation {
  readonly name: EncapsulationName;
  /** Its number in destinations. */
  readonly code: number;
  /** What the outer IP header says follows, for a packet of this family inside: a protocol number. */
  readonly protocol: Readonly<Record<FamilyName, number>>;
  /** Its protocol as the stack knows those that it can divide large packets for; absent: none of its own. */
  readonly transport?: "udp" | "gre";
  /** Bytes between the outer IP header and the packet, without and with a checksum. */
  readonly size: Readonly<Record<"plain" | "withChecksum", number>>;
  /** Absent: it has none. */
  readonly checksum?: TunnelChecksum;
  /** Whether its header tells flows apart, so that receivers can spread them over their queues. */
  readonly tellsFlows: boolean;
  /** Writes it behind the outer IP header, where `at` is; the field of the checksum becomes 0. */
  readonly write: (at: Cursor, contents: Contents) => void;
}
