// What every forwarding method is: what it does to a packet on each way, and what it asks of the
// network and the real server, as data that checks and documentation read.

import type { Bool, Int, Reason } from "@yardmaster/ebpf";
import type { Address } from "../address.ts";
import type { ReplyEnds } from "./ends.ts";
import type { IcmpError } from "../icmp/icmp-error.ts";
import type { ConnectionReference } from "../life.ts";
import type { Parsed } from "../parse.ts";
import type { LoadReference } from "../path-mtu.ts";
import type { BalancerMaps } from "../schema.ts";
import type { BalancerShape } from "../shape.ts";
import type { MethodName, MethodTraits } from "./traits.ts";
import type { Wrap } from "./encapsulate/wrap.ts";
import type { TransitionTable } from "../tcp-states.ts";

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

/** A client's packet, its connection, and where its destination is found. */
export interface Request {
  readonly maps: BalancerMaps;
  readonly shape: BalancerShape;
  readonly parsed: Parsed;
  readonly connection: ConnectionReference;
  readonly wrap: Wrap;
}

/** How a client's packet gets to its server. */
export interface RequestWay {
  /** Whose next hop it goes to. */
  readonly target: Address;
  /** What routing is asked with as the source. Default: the client's address. */
  readonly source?: Address;
  /** Family of both, 4 or 6. Default: the packet's. */
  readonly version?: Int<"u32">;
  /** Bytes that `change` adds, which the MTU of the next hop leaves out. Default: none. */
  readonly overhead?: Int<"u32">;
  /** Where a smaller MTU of the way may be known. */
  readonly load?: () => LoadReference;
  /** Whether what is too large may be divided. Default: as the packet says. */
  readonly mayBeDivided?: () => Bool;
  /**
   * Changes the packet; layer 2 and sending come after it. `passing` is not 0 where the stack sends it instead.
   * Default: nothing is changed.
   */
  readonly change?: (passing: Int<"u32">) => void;
}

export interface ForwardingMethod extends MethodTraits {
  readonly name: MethodName;
  /** Whether a destination may have another port than its service. */
  readonly mapsPorts: boolean;
  /** Whether a destination may be of another family than its service. Default: no. */
  readonly mixesFamilies?: boolean;
  /** Whether packets leave for the stack with their hop counted: it sees only what is around them. Default: no. */
  readonly agesPassing?: boolean;
  /** Which state table client packets follow. */
  readonly requestTable: TransitionTable;
  readonly requires: readonly Requirement[];
  /** Begins with a client's packet, and leaves where it cannot. */
  readonly request: (request: Request) => RequestWay;
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
