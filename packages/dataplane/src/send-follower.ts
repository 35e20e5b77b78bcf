// Last step of a packet that follows the connection of another: on to the connection's server, or to its client, as a
// packet of the connection would go, and with nobody told where it cannot.

import { drop, guard, type Int, Packet, leave, pass, u32, type Verdict, verdictFn, when } from "@yardmaster/ebpf";
import { currentTick } from "./clock.ts";
import { crossesFrom } from "./crossing/crossing.ts";
import type { ForwardingMethod, Request, RequestWay } from "./forward/method.ts";
import { methods } from "./forward/registry.ts";
import { resolve } from "./next-hop.ts";
import type { Parsed } from "./parse.ts";
import { reasons } from "./reasons.ts";
import { hasFeature } from "./shape.ts";
import { transmit } from "./transmit.ts";
import type { ErrandReference } from "./errand.ts";
import { countedPath, countPacketOut } from "./forward/counters.ts";
import { sendToClient } from "./forward/send-to-client.ts";
import type { SendingRoad } from "./sending.ts";
import type { ReplyEnds } from "./forward/ends.ts";

/** A packet that follows, once read, and what forwarding methods do to it. */
export interface Follower {
  readonly parsed: Parsed;
  readonly request: (method: ForwardingMethod, request: Request, way: RequestWay, passing: Int<"u32">) => void;
  readonly reply: (method: ForwardingMethod, ends: ReplyEnds) => void;
}
/** Reads it again, which the first step found good. */
export type ReadFollower = (packet: Packet, errand: ErrandReference) => Follower;

/**
 * The function that sends one to the connection's server; `across`: what it leaves with where that is of the other
 * address family.
 */
export function toServerFunction(road: SendingRoad, name: string, read: ReadFollower, across: Verdict) {
  const { maps, shape, family } = road;
  return verdictFn(
    `${name}_out${family.digit}`,
    { packet: Packet, errand: family.Errand, connection: family.Connection },
    ({ packet, errand, connection }) => {
      const { parsed, request: change } = read(packet, errand);
      const { network } = parsed;
      const request = { parsed, connection, maps, shape, wrap: road.wrap };
      if (hasFeature(shape, "translatedFamilies")) {
        const { flags } = maps.destinations.lookup(connection.destination).orDrop(reasons.internal);
        const translates = connection.method.eq(methods.fullnat.code);
        when(translates.and(crossesFrom(family, flags)), () => leave(across));
      }
      const { hop } = countedPath(maps, connection, network.length);
      for (const methodName of shape.methods) {
        const method = methods[methodName];
        when(connection.method.eq(method.code), () => {
          const way = method.request(request);
          const giveUp = ({ verdict, reason }: ForwardingMethod["whenTooLarge"]): void => {
            if (verdict === "pass") {
              if (method.agesPassing === true) {
                guard(network.hops.gt(1)).orDrop(reasons.timeToLiveExceeded);
                network.decrementHops();
              }
              change(method, request, way, u32(1));
            }
            packet.settle();
            leave(verdict === "drop" ? drop(reason) : pass(reason));
          };
          const wayOut = { ...way, hop, isOther: u32(0).ne(0) };
          resolve(road, parsed, wayOut, currentTick(maps, shape), {
            unresolved: () => giveUp(method.whileUnresolved),
            change: () => change(method, request, way, u32(0)),
          });
          when(network.length.gt(hop.mtu), () => giveUp(method.whenTooLarge), { isRare: true });
          guard(network.hops.gt(1)).orDrop(reasons.timeToLiveExceeded);
          network.decrementHops();
          change(method, request, way, u32(0));
          leave(transmit(road, parsed, hop));
        });
      }
      return drop(reasons.internal);
    },
    { isGlobal: true },
  );
}

/** The function that sends one to the connection's client. */
export function toClientFunction(road: SendingRoad, name: string, read: ReadFollower) {
  const { maps, shape, family } = road;
  return verdictFn(
    `${name}_in${family.digit}`,
    { packet: Packet, errand: family.Errand, connection: family.Connection },
    ({ packet, errand, connection }) => {
      const { parsed, reply } = read(packet, errand);
      countPacketOut(maps, connection.destination, parsed.network.length);
      const { client, service, clientPort, servicePort } = errand.ends;
      const ends = { client: { address: client, port: clientPort }, service: { address: service, port: servicePort } };
      for (const methodName of shape.methods) {
        const method = methods[methodName];
        if (method.hasReplies) when(connection.method.eq(method.code), () => reply(method, ends));
      }
      sendToClient(road, { parsed, now: currentTick(maps, shape) });
      return drop(reasons.internal);
    },
    { isGlobal: true },
  );
}
