// What every forwarding method is: what it does to a packet on each way, and what it asks of the
// network and the real server, as data that checks and documentation read.

import type { Net, Reason, Reference } from "@yardmaster/ebpf";
import type { Address } from "../address.ts";
import type { Family } from "../family.ts";
import type { IcmpError } from "../icmp/icmp-error.ts";
import type { Parsed } from "../parse.ts";
import type { TransitionTable } from "../tcp-states.ts";

/** Names as the configuration has them. */
export type MethodName = "nat" | "dr";

/**
 * What a method needs beyond the director, in words and in a form that a check can switch on: the director has one
 * check of each kind (director/src/checks).
 */
export interface Requirement {
  readonly kind:
    | "onLink"
    | "repliesThroughDirector"
    | "vipOnServer"
    | "ipForwarding"
    /** The way to the server carries a client's packet and what is put around it. */
    | "tunnelRoom"
    /** The server takes off what is put around a packet. */
    | "unwrapping"
    /** There are local addresses, of the server's family, and their packets come to this machine. */
    | "localAddressesGiven"
    | "localAddressOwned"
    /** Replies come in where the kernel, asked for the way back, expects them (rp_filter). */
    | "reversePath"
    /** The next hop to the server answers ARP or neighbour discovery. */
    | "neighbourKnown";
  readonly text: string;
}

/** What the client takes for its peer. */
export interface ServiceAddress {
  readonly address: Address;
  readonly port: Net<"be16">;
}

export interface ForwardingMethod {
  readonly name: MethodName;
  /** Its number in connections and destinations. */
  readonly code: number;
  /** Whether replies come back through the director and have an entry of their own. */
  readonly hasReplies: boolean;
  /** Whether a destination may have another port than its service. */
  readonly mapsPorts: boolean;
  /** Whether a destination may be of another family than its service. Default: no. */
  readonly mixesFamilies?: boolean;
  /** Which state table client packets follow. */
  readonly requestTable: TransitionTable;
  readonly requires: readonly Requirement[];
  /** Whose next hop a client's packet goes to. */
  readonly target: (connection: Reference<Family["Connection"]["fields"]>) => Address;
  /** Changes a client's packet; layer 2 and sending come after it. */
  readonly request: (parsed: Parsed, connection: Reference<Family["Connection"]["fields"]>) => void;
  /** Changes a server's packet on its way back, to come from `service`. Only of methods that have replies. */
  readonly reply?: (parsed: Parsed, service: ServiceAddress) => void;
  /**
   * Changes an ICMP error about a packet to the client, on its way to the server. Default: it goes there unchanged but
   * for what `request` does to any packet.
   */
  readonly requestError?: (error: IcmpError, connection: Reference<Family["Connection"]["fields"]>) => void;
  /** Changes an ICMP error about a packet to the server, to come from `service`. Only of methods that have replies. */
  readonly replyError?: (error: IcmpError, service: ServiceAddress) => void;
  /** Why and how a packet leaves while the next hop is being resolved. */
  readonly whileUnresolved: { readonly verdict: "pass" | "drop"; readonly reason: Reason };
  /** The same for packets larger than the way out takes that may be fragmented. */
  readonly whenTooLarge: { readonly verdict: "pass" | "drop"; readonly reason: Reason };
}
