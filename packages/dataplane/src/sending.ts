// What stations share that send packets: the part of the road which they need, and the packet that travels on it.

import { type Int, stack } from "@yardmaster/ebpf";
import type { Refusal } from "./answer/refusal.ts";
import type { Family } from "./family.ts";
import type { Wrap } from "./forward/encapsulate/wrap.ts";
import type { FlowReference } from "./life.ts";
import type { AskRouting } from "./next-hop.ts";
import type { Parsed } from "./parse.ts";
import type { BalancerMaps } from "./schema.ts";
import type { BalancerShape } from "./shape.ts";
import type { SendTagged } from "./transmit.ts";

/** What it takes to send a packet of a family. */
export interface SendingRoad {
  readonly maps: BalancerMaps;
  readonly shape: BalancerShape;
  readonly family: Family;
  readonly askRouting: AskRouting;
  readonly sendTagged: SendTagged;
  readonly wrap: Wrap;
}

/** One packet on the road. */
export interface Traveller {
  readonly parsed: Parsed;
  /** Its flow, as it arrived. */
  readonly flow: FlowReference;
  readonly now: Int<"u32">;
  /** Set where the packet is to be answered instead of forwarded. */
  readonly refusal: Refusal;
}

/** The key of the packet's flow, as it arrived. */
export function flowOf({ FlowKey }: Family, { network, ports, protocol }: Parsed): FlowReference {
  return stack(
    FlowKey,
    {
      source: network.source,
      destination: network.destination,
      sourcePort: ports.source,
      destinationPort: ports.destination,
      protocol: protocol.toU32(),
    },
    { share: "flow" },
  );
}
