// The road of ICMP packets. Echo requests to virtual addresses are answered. Errors go where the packet that they quote
// came from: those about a server's answer to the server that gave it, those about a client's packet to the client.

import { type Follow, following } from "../follow-flow.ts";
import type { OpenConnection } from "../open.ts";
import type { SendingRoad } from "../road.ts";
import { type ReadFollower, toClientFunction, toServerFunction } from "../send-follower.ts";
import { findErrorFunction } from "./find-error.ts";
import { openByError } from "./open-by-error.ts";
import { readError } from "./read-error.ts";

/** The road of a family's packets that are neither TCP nor UDP. */
export function icmpRoad(road: SendingRoad, open: OpenConnection): Follow {
  const find = findErrorFunction(road);
  const read: ReadFollower = (packet) => readError(road, packet);
  return following(road, {
    find,
    open: openByError(road, open),
    toServer: toServerFunction(road, "error", read),
    toClient: toClientFunction(road, "error", read),
  });
}
