// What every forwarding method is: what it does to a packet on each way, and what it asks of the
// network and the real server, as data that checks and documentation read.

import type { Net, Reason, Reference } from "@yardmaster/ebpf";
import type { Address } from "../address.ts";
import type { Family } from "../family.ts";
import type { IcmpError } from "../icmp/icmp-error.ts";
import type { Parsed } from "../parse.ts";
import type { BalancerMaps } from "../schema.ts";
import type { TransitionTable } from "../tcp-states.ts";

/** Names as the configuration has them. */
export type MethodName = "nat" | "dr" | "fullnat";

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
    /** The next hop to the server answers ARP or neighbour discovery. */
    | "neighbourKnown";
  readonly text: string;
}

/** One end of a flow. */
export interface Endpoint {
  readonly address: Address;
  readonly port: Net<"be16">;
}

/** A connection as a server's packet has it to be: from whom, as the client sees it, and to whom. */
export interface ReplyEnds {
  readonly service: Endpoint;
  readonly client: Endpoint;
}

/** A client's packet, its connection, and where its destination is found. */
export interface Request {
  readonly parsed: Parsed;
  readonly connection: Reference<Family["Connection"]["fields"]>;
  readonly maps: BalancerMaps;
}

export interface ForwardingMethod {
  readonly name: MethodName;
  /** Its number in connections and destinations. */
  readonly code: number;
  /** Whether replies come back through the director and have an entry of their own. */
  readonly hasReplies: boolean;
  /**
   * Whether the server answers to an address of the director's own, of which each connection has a port. Such a
   * connection holds that address and port, and its destination the server's.
   */
  readonly hasLocalAddress: boolean;
  /** Whether a destination may have another port than its service. */
  readonly mapsPorts: boolean;
  /** Whether a destination may be of another family than its service. Default: no. */
  readonly mixesFamilies?: boolean;
  /** Which state table client packets follow. */
  readonly requestTable: TransitionTable;
  readonly requires: readonly Requirement[];
  /** Whose next hop a client's packet goes to. */
  readonly target: (request: Request) => Address;
  /** Changes a client's packet; layer 2 and sending come after it. */
  readonly request: (request: Request) => void;
  /** Changes a server's packet on its way back. Only of methods that have replies. */
  readonly reply?: (parsed: Parsed, ends: ReplyEnds) => void;
  /**
   * Changes an ICMP error about a packet to the client, on its way to the server. `ports` in `parsed` are those of the
   * client's packets. Default: it goes there unchanged but for what `request` does to any packet.
   */
  readonly requestError?: (error: IcmpError, request: Request) => void;
  /** Changes an ICMP error about a packet to the server, on its way to the client. Of methods that have replies. */
  readonly replyError?: (error: IcmpError, ends: ReplyEnds) => void;
  /** Why and how a packet leaves while the next hop is being resolved. */
  readonly whileUnresolved: { readonly verdict: "pass" | "drop"; readonly reason: Reason };
  /** The same for packets larger than the way out takes that may be fragmented. */
  readonly whenTooLarge: { readonly verdict: "pass" | "drop"; readonly reason: Reason };
}
