// What the stations of the road share: the road itself, one for each address family of the shape, and the packet that
// travels on it.

import { type Int, stack } from "@yardmaster/ebpf";
import type { Refusal } from "./answer/refusal.ts";
import { connectionFunctions, type ConnectionFunctions } from "./connection.ts";
import type { Family } from "./family.ts";
import { type Insert, insertion } from "./insert.ts";
import type { FlowReference } from "./life.ts";
import { type Open, opening } from "./open.ts";
import type { Parsed } from "./parse.ts";
import { revisitFunction } from "./revisit.ts";
import type { scheduleFunction } from "./schedule/choose.ts";
import type { BalancerMaps } from "./schema.ts";
import type { BalancerShape } from "./shape.ts";

/** What the stations of one program share, for the packets of one family. */
export interface Road {
  readonly maps: BalancerMaps;
  readonly shape: BalancerShape;
  readonly family: Family;
  readonly connections: ConnectionFunctions;
  readonly open: Open;
  readonly insert: Insert;
  readonly revisit: ReturnType<typeof revisitFunction>;
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

/** The road of a family; `schedule` is one for all. */
export function roadOf(
  maps: BalancerMaps,
  shape: BalancerShape,
  family: Family,
  schedule: ReturnType<typeof scheduleFunction>,
): Road {
  const connections = connectionFunctions(maps, shape, family);
  const open = opening(maps, shape, family, { connections, schedule });
  const insert = insertion(maps, shape, family, connections);
  return { maps, shape, family, connections, open, insert, revisit: revisitFunction(maps, family, connections) };
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
