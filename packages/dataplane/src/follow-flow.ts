// How a packet that tells no flow of its own follows the connection of another: an ICMP error that of the packet which
// it quotes, a later fragment that of the first. In steps that the program calls one after another, each of which reads
// the packet again: such packets are few, and the frames of functions that call each other share 512 bytes.

import {
  guard,
  type Int,
  leave,
  type Packet,
  pass,
  type Reason,
  stack,
  u32,
  type Verdict,
  verdict,
  when,
} from "@yardmaster/ebpf";
import { copyAddress } from "./address.ts";
import { type LocalFlowReference, endsAcross } from "./crossing/crossing.ts";
import type { CrossError } from "./crossing/cross-error.ts";
import { otherFamily } from "./family.ts";
import { endsOf, requestFlow } from "./flows.ts";
import { type ConnectionReference, isExpired, REPLY } from "./life.ts";
import { findReplyByLocalPort } from "./local-port.ts";
import { reasons } from "./reasons.ts";
import { findReplyByRule } from "./reply.ts";
import { hasFeature } from "./shape.ts";
import type { SendingRoad } from "./sending.ts";
import { type ErrandReference, numberOf, whereTo } from "./errand.ts";
import { answeringClients, hasLocalAddress } from "./forward/traits.ts";
import type { ReplyEnds } from "./forward/ends.ts";

/** The steps: which connection it is, and the two ways on. */
export interface FollowingSteps {
  readonly find: (args: Told & { readonly errand: ErrandReference }) => Verdict;
  readonly toServer: (args: Told & { readonly errand: ErrandReference }) => Verdict;
  readonly toClient: (args: Told & { readonly errand: ErrandReference }) => Verdict;
  /** Opens the connection of a flow that has none; returns where it is open. Default: the first step asks for none. */
  readonly open?: OpenStep;
  /** The ways on to the other address family. Default: what has to change its family is dropped by `find`. */
  readonly across?: CrossError | undefined;
  /** To a health check. Default: the first step sends nothing there. */
  readonly toProbe?: (args: { readonly packet: Packet; readonly errand: ErrandReference }) => Verdict;
}

export type OpenStep = (args: Told & { readonly errand: ErrandReference }) => void;
interface Told {
  readonly packet: Packet;
  /** A copy of the connection, from the first step on. */
  readonly connection: ConnectionReference;
}

/** Brings a packet to the end of its road, and leaves; unless it goes the road of any packet. */
export type Follow = (packet: Packet) => void;

/** The road that these steps are. */
export function following({ maps, family }: SendingRoad, steps: FollowingSteps): Follow {
  const { find, toServer, toClient, open, across, toProbe } = steps;
  return (packet) => {
    const errand = maps[family.name].errands.lookup(0).orDrop(reasons.internal);
    const connection = maps[family.name].opened.lookup(0).orDrop(reasons.internal);
    const { flow } = errand;
    const leaveToServer = (): void => {
      const sent = toServer({ packet, errand, connection });
      const isAcross = numberOf(sent).eq(whereTo.serverAcross);
      if (across !== undefined) when(isAcross, () => across.toServer({ packet, flow, connection }));
      leave(sent);
    };
    const found = find({ packet, errand, connection });
    const isUnknown = numberOf(found).eq(whereTo.unknown);
    if (open !== undefined) when(isUnknown, () => open({ packet, errand, connection }));
    const isToServer = numberOf(found).eq(whereTo.server);
    when(open === undefined ? isToServer : isToServer.or(isUnknown), leaveToServer);
    if (across !== undefined) {
      when(numberOf(found).eq(whereTo.clientAcross), () => across.toClient({ packet, flow }));
    }
    when(numberOf(found).eq(whereTo.client), () => leave(toClient({ packet, errand, connection })));
    if (toProbe !== undefined) when(numberOf(found).eq(whereTo.probe), () => leave(toProbe({ packet, errand })));
    guard(numberOf(found).eq(whereTo.onward)).orLeave(found);
  };
}

interface Following {
  readonly now: Int<"u32">;
  /** Leaves with a server's packet whose client is of the other address family; `connection` is that one's. */
  readonly across: (connection: ConnectionReference) => void;
  /** Why the packet passes where there is none. */
  readonly missing: Reason;
  /** Keeps the connection for the next step. */
  readonly keep: (connection: ConnectionReference) => void;
  /** Where there is none at all, before the packet passes. Default: nothing. */
  readonly unknown?: () => void;
}

/**
 * Finds the connection of the errand's flow as for a packet of it, and leaves the step. The connection itself is left
 * as it is.
 */
export function followFlow(
  { maps, shape, family }: SendingRoad,
  { flow, ends: kept }: ErrandReference,
  { now, missing, keep, unknown, across }: Following,
): void {
  const { connections } = maps[family.name];
  const answering = answeringClients(shape.methods);
  const toClient = (connection: ConnectionReference, { client, service }: ReplyEnds): void => {
    guard(isExpired(connection.life, now).not()).orPass(missing);
    keep(connection);
    copyAddress(kept.client, client.address);
    copyAddress(kept.service, service.address);
    kept.clientPort = client.port;
    kept.servicePort = service.port;
    leave(verdict(u32(whereTo.client)));
  };
  connections.lookup(flow).then((found) => {
    if (answering.length > 0) {
      when(found.direction.eq(REPLY), () => {
        const ends = endsOf(flow, found);
        toClient(connections.lookup(requestFlow(flow, ends)).orPass(missing), ends);
      });
    }
    when(isExpired(found.life, now).not(), () => {
      keep(found);
      leave(verdict(u32(whereTo.server)));
    });
  });
  if (hasLocalAddress(shape.methods)) {
    const crosses = hasFeature(shape, "translatedFamilies");
    const crossing = (entry: LocalFlowReference): void => {
      const client = otherFamily(family);
      const key = stack(client.FlowKey, requestFlow(flow, endsAcross(maps, family, flow, entry, missing)));
      const connection = maps[client.name].connections.lookup(key).orPass(missing);
      guard(isExpired(connection.life, now).not()).orPass(missing);
      across(connection);
    };
    findReplyByLocalPort(maps, family, flow, toClient, crosses ? crossing : undefined);
  }
  if (answering.length > 0) findReplyByRule(maps, family, flow, toClient);
  unknown?.();
  leave(pass(missing));
}
