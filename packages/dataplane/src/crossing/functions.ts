// The steps of packets that change their address family, as the program calls them.

import type { ConnectionFunctions } from "../connection.ts";
import { cleanFunction } from "./clean.ts";
import { crossReplyFunction } from "./cross-reply.ts";
import { crossRequestFunction } from "./cross-request.ts";
import { givingChecksum } from "./translate-packet.ts";
import type { SendingRoad } from "../sending.ts";

/** Those of one family's packets. */
export type Crossing = ReturnType<typeof crossingOf>;

/** Makes them; `connections`: the functions of the other family's. */
export function crossingOf(road: SendingRoad, connections: ConnectionFunctions) {
  const giveChecksum = givingChecksum(road.shape, road.family);
  return {
    clean: cleanFunction(road),
    request: crossRequestFunction(road, giveChecksum),
    reply: crossReplyFunction(road, giveChecksum, connections),
  };
}
