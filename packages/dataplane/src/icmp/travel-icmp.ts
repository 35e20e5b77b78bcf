// The road of ICMP packets. Echo requests to virtual addresses are answered. Errors go where the packet that they quote
// came from: those about a server's answer to the server that gave it, those about a client's packet to the client.

import { guard, leave, u32, verdict, when } from "@yardmaster/ebpf";
import { crossErrorFunctions } from "../crossing/cross-error.ts";
import { type Follow, following } from "../follow-flow.ts";
import type { OpenConnection } from "../open.ts";
import { probeErrorFunction } from "../probe/probe-error.ts";
import { reasons } from "../reasons.ts";
import { type ReadFollower, toClientFunction, toServerFunction } from "../send-follower.ts";
import { hasFeature } from "../shape.ts";
import { findErrorFunction } from "./find-error.ts";
import { openByError } from "./open-by-error.ts";
import { readError } from "./read-error.ts";
import { tunnelAnswerFunction, tunnelErrorFunction, tunnelErrors, tunnelTellFunction } from "./tunnel-error.ts";
import { numberOf, whereTo } from "../errand.ts";
import type { SendingRoad } from "../sending.ts";

/** The road of a family's packets that are neither TCP nor UDP. */
export function icmpRoad(road: SendingRoad, open: OpenConnection): Follow {
  const find = findErrorFunction(road);
  const read: ReadFollower = (packet) => readError(road, packet);
  const follow = following(road, {
    find,
    open: openByError(road, open),
    toServer: toServerFunction(road, "error", read, verdict(u32(whereTo.serverAcross))),
    toClient: toClientFunction(road, "error", read),
    across: hasFeature(road.shape, "translatedFamilies") ? crossErrorFunctions(road) : undefined,
    ...(hasFeature(road.shape, "probes") && { toProbe: probeErrorFunction(road) }),
  });
  return road.shape.methods.includes("tun") ? behindTunnels(road, follow) : follow;
}

/** Errors about the outside of a tunnel come first: nothing else knows of it. */
function behindTunnels(road: SendingRoad, follow: Follow): Follow {
  const [read, write, tell] = [tunnelErrorFunction(road), tunnelAnswerFunction(road), tunnelTellFunction(road)];
  return (packet) => {
    const errand = road.maps[road.family.name].errands.lookup(0).orDrop(reasons.internal);
    const found = read({ packet, errand });
    when(numberOf(found).eq(tunnelErrors.told), () => {
      const written = write({ packet, errand });
      guard(numberOf(written).eq(tunnelErrors.told)).orLeave(written);
      leave(tell({ packet }));
    });
    guard(numberOf(found).eq(tunnelErrors.other)).orLeave(found);
    follow(packet);
  };
}
