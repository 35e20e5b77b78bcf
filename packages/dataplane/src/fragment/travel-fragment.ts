// The road of fragments. The first of a datagram goes that of any packet, and its ports are remembered where that has
// a connection; the later ones go where it went, translated as it was but for what is not in them.

import { drop, guard, leave, Packet, stack, u32, verdict, verdictFn, when } from "@yardmaster/ebpf";
import { copyAddress } from "../address.ts";
import { currentTick } from "../clock.ts";
import { type Follow, followFlow, following } from "../follow-flow.ts";
import { IPPROTO_TCP, IPPROTO_UDP, Ports } from "../headers.ts";
import { copyConnection } from "../insert.ts";
import { networkHeader } from "../network-header.ts";
import { parseFrame } from "../parse.ts";
import { reasons } from "../reasons.ts";
import { type ReadFollower, toClientFunction, toServerFunction } from "../send-follower.ts";
import { fragmentKey } from "./remember.ts";
import { whereTo } from "../errand.ts";
import type { SendingRoad } from "../sending.ts";

/** The road of a family's fragments. */
export function fragmentRoad(road: SendingRoad): Follow {
  const read = readFragment(road);
  return following(road, {
    find: findFirstFunction(road),
    toServer: toServerFunction(road, "fragment", read, drop(reasons.crossingFragment)),
    toClient: toClientFunction(road, "fragment", read),
  });
}

/** The function that is the first step: it finds the connection that the first fragment belongs to, or is of. */
function findFirstFunction(road: SendingRoad) {
  const { maps, shape, family } = road;
  return verdictFn(
    `fragment${family.digit}`,
    { packet: Packet, errand: family.Errand, connection: family.Connection },
    ({ packet, errand, connection }) => {
      const { flow } = errand;
      const now = currentTick(maps, shape);
      const { networkOffset } = parseFrame(packet, shape);
      networkHeader(family, packet, networkOffset, (fragment) => {
        when(fragment.isLater.not(), () => {
          // One without ports: nothing could follow it.
          const { protocol } = fragment;
          guard(protocol.eq(IPPROTO_TCP).or(protocol.eq(IPPROTO_UDP))).orPass(reasons.fragment);
          leave(verdict(u32(whereTo.onward)));
        });
        const first = maps[family.name].fragments.lookup(fragmentKey(fragment)).orPass(reasons.fragment);
        guard(first.expiresAt.sub(now).sub(1).isNegative().not()).orPass(reasons.fragment);
        copyAddress(flow.source, fragment.source);
        copyAddress(flow.destination, fragment.destination);
        flow.sourcePort = first.sourcePort;
        flow.destinationPort = first.destinationPort;
        flow.protocol = fragment.protocol.toU32();
        const keep = (found: typeof connection) => copyConnection(family, connection, found);
        const across = (): void => leave(drop(reasons.crossingFragment));
        followFlow(road, errand, { now, missing: reasons.fragment, keep, across });
      });
      return drop(reasons.internal);
    },
    { isGlobal: true },
  );
}

/** Reads it for forwarding methods, as a packet without a transport header. */
function readFragment({ shape, family }: SendingRoad): ReadFollower {
  return (packet, { flow }) => {
    const frame = parseFrame(packet, shape);
    const network = networkHeader(family, packet, frame.networkOffset, () => undefined);
    const { payload: transport, protocol } = network;
    const ports = stack(Ports, { source: flow.sourcePort, destination: flow.destinationPort });
    const header = { network, ports, transport, protocol, flags: u32(0) };
    const parsed = { ...frame, ...header, isLaterFragment: true } as const;
    return {
      parsed,
      request: (_method, _request, way, passing) => way.change?.(passing),
      reply: (method, ends) => method.reply?.(parsed, ends),
    };
  };
}
