// The step of a server's packet whose client is of the other address family: its connection, next hop, MTU, another
// header, and out. What forward/send-reply.ts does for all others.

import { guard, leave, pass, Packet, stack, u32, verdictFn, when } from "@yardmaster/ebpf";
import { type Address, isSameAddress } from "../address.ts";
import { type ConnectionFunctions, transitionBase } from "../connection.ts";
import { type Family, otherFamily } from "../family.ts";
import { requestFlow } from "../flows.ts";
import { noteServerSpoke } from "../forward/client-address.ts";
import { methods } from "../forward/registry.ts";
import { clientSlot } from "../forward/client-hop.ts";
import { type FlowReference, isExpired } from "../life.ts";
import { reasons } from "../reasons.ts";
import type { BalancerMaps } from "../schema.ts";
import { hasFeature } from "../shape.ts";
import { endsAcross } from "./crossing.ts";
import { sendTranslated } from "./send-translated.ts";
import { type GiveChecksum, readCrossing, translatePacket } from "./translate-packet.ts";
import { countPacketOut } from "../forward/counters.ts";
import type { SendingRoad } from "../sending.ts";

/**
 * The function that sends servers' packets of a family, in `flow`, to their clients; or notes with REFUSED what to
 * answer. `connections`: of the clients' family.
 */
export function crossReplyFunction(road: SendingRoad, giveChecksum: GiveChecksum, connections: ConnectionFunctions) {
  const { maps, shape, family } = road;
  const to = otherFamily(family);
  return verdictFn(
    `cross_in${family.digit}`,
    { packet: Packet, flow: family.FlowKey, now: u32 },
    ({ packet, flow, now }) => {
      giveChecksum(packet);
      const parsed = readCrossing(packet, shape, family);
      const { network } = parsed;
      const entry = maps[family.name].localFlows.lookup(flow).orPass(reasons.replyWithoutConnection);
      const ends = endsAcross(maps, family, flow, entry, reasons.replyWithoutConnection);
      // In the bytes of what routing is asked later.
      const opening = (): FlowReference => stack(to.FlowKey, requestFlow(flow, ends), { share: "flow" });
      const connection = maps[to.name].connections.lookup(opening()).orPass(reasons.replyWithoutConnection);
      const isItsPort = connection.port.eq(flow.destinationPort);
      guard(connection.method.eq(methods.fullnat.code).and(isItsPort)).orPass(reasons.replyWithoutConnection);
      guard(isExpired(connection.life, now).not()).orPass(reasons.replyWithoutConnection);
      const seen = { base: transitionBase("reply", parsed.flags), now, flow: opening };
      connections.touch(connection, seen, () => leave(pass(reasons.replyWithoutConnection)));
      connections.templates.answered(parsed.protocol, connection, opening);
      countPacketOut(maps, connection.destination, network.length);
      if (hasFeature(shape, "toa")) noteServerSpoke({ maps, parsed, connection });
      const { client, service } = ends;
      const hop = wayTo(maps, to, client.address);
      const way = { target: client.address, source: service.address, hop, isOther: u32(0).ne(0) };
      const change = (): void => translatePacket(parsed, to, { source: service, destination: client });
      return sendTranslated(road, to, { parsed, now, way, change, passesUnresolved: true });
    },
    { isGlobal: true },
  );
}

/** The cached way to a client. */
function wayTo(maps: BalancerMaps, to: Family, client: Address) {
  const known = maps[to.name].clientHops.lookup(clientSlot(client)).orDrop(reasons.internal);
  when(isSameAddress(known.address, client).not(), () => {
    known.hop.ifindex = u32(0);
    known.address = client;
  });
  return known.hop;
}
