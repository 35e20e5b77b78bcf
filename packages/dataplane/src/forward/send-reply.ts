// The road of a server's packet once its client's connection is found: the connection's state, counters, what the
// forwarding method does to it, next hop, time to live, and out.

import { drop, guard, leave, pass, when } from "@yardmaster/ebpf";
import { transitionBase } from "../connection.ts";
import { openingFlow } from "../flows.ts";
import { type ConnectionReference, isExpired } from "../life.ts";
import { reasons } from "../reasons.ts";
import type { Road } from "../road.ts";
import { hasFeature } from "../shape.ts";
import { noteServerSpoke } from "./client-address.ts";
import { countPacketOut } from "./counters.ts";
import { methods } from "./registry.ts";
import { sendToClient } from "./send-to-client.ts";
import type { Traveller } from "../sending.ts";
import type { MethodName } from "./traits.ts";
import type { ReplyEnds } from "./ends.ts";

/**
 * Sends a server's packet back to the client whose connection it belongs to, and leaves; `names`: the methods that such
 * a packet may be of.
 */
export function sendReply(
  road: Road,
  traveller: Traveller,
  connection: ConnectionReference,
  ends: ReplyEnds,
  names: readonly MethodName[],
): void {
  const { maps, shape, family, connections } = road;
  const { parsed, now, flow } = traveller;
  const { network } = parsed;
  guard(isExpired(connection.life, now).not()).orPass(reasons.replyWithoutConnection);
  const opening = () => openingFlow(family, flow, ends);
  const packet = { base: transitionBase("reply", parsed.flags), now, flow: opening };
  connections.touch(connection, packet, () => leave(pass(reasons.replyWithoutConnection)));
  connections.templates.answered(parsed.protocol, connection, opening);
  countPacketOut(maps, connection.destination, network.length);
  road.remember(parsed, now);
  const clamped = { client: ends.client.address, service: ends.service.address };
  road.clamp?.({ parsed, connection, ends: clamped, from: "server", now });
  for (const name of names) {
    const method = methods[name];
    const { reply } = method;
    if (reply === undefined) continue;
    when(connection.method.eq(method.code), () => {
      if (hasFeature(shape, "toa")) noteServerSpoke({ maps, parsed, connection });
      reply(parsed, ends);
      sendToClient(road, traveller);
    });
  }
  leave(drop(reasons.internal));
}
