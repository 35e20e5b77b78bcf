// The ends of flows, as stations and forwarding methods tell each other of them.

import type { Net } from "@yardmaster/ebpf";
import type { Address } from "../address.ts";

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
