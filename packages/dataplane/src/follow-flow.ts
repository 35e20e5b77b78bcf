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
  type Reference,
  u32,
  type Verdict,
  verdict,
  when,
} from "@yardmaster/ebpf";
import { copyAddress } from "./address.ts";
import type { Family } from "./family.ts";
import { endsOf, requestFlow } from "./flows.ts";
import type { ReplyEnds } from "./forward/method.ts";
import { answeringClients, hasLocalAddress } from "./forward/registry.ts";
import { type ConnectionReference, isExpired, REPLY } from "./life.ts";
import { findReplyByLocalPort } from "./local-port.ts";
import { reasons } from "./reasons.ts";
import { findReplyByRule } from "./reply.ts";
import type { SendingRoad } from "./road.ts";

/** What the first step returns in the place of a verdict, none of which is so large: whom the packet is for. */
export const whereTo = {
  server: 0x1_0001,
  client: 0x1_0002,
  onward: 0x1_0003,
  unknown: 0x1_0004,
  probe: 0x1_0005,
} as const;

/** What the steps tell each other: the flow that is followed, and the ends of a reply. */
export type ErrandReference = Reference<Family["Errand"]["fields"]>;

/** The steps: which connection it is, and the two ways on. */
export interface FollowingSteps {
  readonly find: (args: Told & { readonly errand: ErrandReference }) => Verdict;
  readonly toServer: (args: Told & { readonly errand: ErrandReference }) => Verdict;
  readonly toClient: (args: Told & { readonly errand: ErrandReference }) => Verdict;
  /** Opens the connection of a flow that has none; returns where it is open. Default: the first step asks for none. */
  readonly open?: OpenStep;
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
export function following(
  { maps, family }: SendingRoad,
  { find, toServer, toClient, open, toProbe }: FollowingSteps,
): Follow {
  return (packet) => {
    const errand = maps[family.name].errands.lookup(0).orDrop(reasons.internal);
    const connection = maps[family.name].opened.lookup(0).orDrop(reasons.internal);
    const found = find({ packet, errand, connection });
    if (open !== undefined) {
      when(numberOf(found).eq(whereTo.unknown), () => {
        open({ packet, errand, connection });
        leave(toServer({ packet, errand, connection }));
      });
    }
    when(numberOf(found).eq(whereTo.server), () => leave(toServer({ packet, errand, connection })));
    when(numberOf(found).eq(whereTo.client), () => leave(toClient({ packet, errand, connection })));
    if (toProbe !== undefined) when(numberOf(found).eq(whereTo.probe), () => leave(toProbe({ packet, errand })));
    guard(numberOf(found).eq(whereTo.onward)).orLeave(found);
  };
}

/** What a function of the program returned: a verdict, or where the packet is to go. */
export function numberOf(returned: Verdict): Int {
  if (returned.action !== "value") throw new Error("functions return numbers");
  return returned.value;
}

interface Following {
  readonly now: Int<"u32">;
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
  { now, missing, keep, unknown }: Following,
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
  if (hasLocalAddress(shape.methods)) findReplyByLocalPort(maps, family, flow, toClient);
  if (answering.length > 0) findReplyByRule(maps, family, flow, toClient);
  unknown?.();
  leave(pass(missing));
}
