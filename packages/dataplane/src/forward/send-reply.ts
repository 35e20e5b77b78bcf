// The road of a server's packet once its client's connection is found: the connection's state, counters, what the
// forwarding method does to it, next hop, time to live, and out.

import { drop, guard, type Int, leave, pass, when } from "@yardmaster/ebpf";
import { transitionBase } from "../connection.ts";
import { openingFlow } from "../flows.ts";
import { type ConnectionReference, isExpired } from "../life.ts";
import { resolve } from "../next-hop.ts";
import { lengthOnWire } from "../parse.ts";
import { reasons } from "../reasons.ts";
import type { Road, SendingRoad, Traveller } from "../road.ts";
import { hasFeature } from "../shape.ts";
import { transmit } from "../transmit.ts";
import { noteServerSpoke } from "./client-address.ts";
import { clientHop } from "./client-hop.ts";
import type { MethodName, ReplyEnds } from "./method.ts";
import { methods } from "./registry.ts";

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

/** Counts a server's packet of so many bytes. */
export function countPacketOut(maps: Road["maps"], destination: Int<"u32">, length: Int<"u32">): void {
  const path = maps.paths.lookup(destination).orDrop(reasons.internal);
  path.packetsOut = path.packetsOut.add(1);
  path.bytesOut = path.bytesOut.add(length);
}

/** Sends the packet, which is addressed to its client by now, and leaves. */
export function sendToClient(road: SendingRoad, { parsed, now }: Pick<Traveller, "parsed" | "now">): void {
  const { maps, family } = road;
  const { network, packet } = parsed;
  const target = network.destination;
  const { client, hop, isOther } = clientHop(maps, family, target);
  resolve(road, parsed, { target, hop, isOther }, now, {
    unresolved: () => {
      packet.settle();
      leave(pass(reasons.neighbourUnresolved));
    },
  });
  client.address = target;
  when(
    lengthOnWire(parsed).gt(hop.mtu),
    () => {
      packet.settle();
      leave(pass(reasons.exceedsMtu));
    },
    { isRare: true },
  );
  guard(network.hops.gt(1)).orDrop(reasons.timeToLiveExceeded);
  network.decrementHops();
  leave(transmit(road, parsed, hop));
}
