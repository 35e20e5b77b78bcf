// First step of an ICMP packet: what it is, and of an error the connection that it is about. Rules: shared behaviour
// reference §9; ip_vs_in_icmp and ip_vs_out_icmp in net/netfilter/ipvs/ip_vs_core.c.

import {
  drop,
  guard,
  type Int,
  leave,
  Packet,
  pass,
  type Reference,
  u32,
  verdict,
  verdictFn,
  when,
} from "@yardmaster/ebpf";
import { copyAddress, isSameAddress } from "../address.ts";
import { currentTick } from "../clock.ts";
import type { Family, FamilyName } from "../family.ts";
import { endsOf, requestFlow } from "../flows.ts";
import type { ReplyEnds } from "../forward/method.ts";
import { answeringClients, hasLocalAddress } from "../forward/registry.ts";
import { Icmp, ICMP_PROTOCOLS } from "../headers.ts";
import { copyConnection } from "../insert.ts";
import { type ConnectionReference, type FlowReference, isExpired, REPLY } from "../life.ts";
import { findReplyByLocalPort } from "../local-port.ts";
import { networkHeader } from "../network-header.ts";
import { parseFrame } from "../parse.ts";
import { reasons } from "../reasons.ts";
import { findReplyByRule } from "../reply.ts";
import type { SendingRoad } from "../road.ts";
import { answerEcho } from "./echo.ts";
import { type QuotedHeader, quotedHeader } from "./quoted-header.ts";

/** What the step returns in the place of a verdict, none of which is so large: whom the error is for. */
export const whereTo = { server: 0x1_0001, client: 0x1_0002 } as const;

/** Errors that belong to connections: unreachable, source quench, time exceeded (RFC 792). */
const IPV4_ERRORS = [3, 4, 11];
/** ICMPv6: types below are errors (RFC 4443 §2.1). */
const FIRST_INFORMATION = 128;

/** What the steps tell each other of an error: the flow that the quoted packet answers, and the ends of a reply. */
export type ErrandReference = Reference<Family["Errand"]["fields"]>;

/**
 * The function that is the step: a number of `whereTo`, with `connection` a copy of the one that the error is about, or
 * the verdict on a packet whose road ends here.
 */
export function findErrorFunction(road: SendingRoad) {
  const { maps, shape, family } = road;
  const parameters = { packet: Packet, errand: family.Errand, connection: family.Connection };
  return verdictFn(
    `icmp${family.digit}`,
    parameters,
    ({ packet, errand, connection }) => {
      const frame = parseFrame(packet, shape);
      const network = networkHeader(family, packet, frame.networkOffset);
      guard(network.protocol.eq(ICMP_PROTOCOLS[family.name])).orPass(reasons.notTcpOrUdp);
      const icmp = network.payload.fork().read(Icmp).orPass(reasons.truncated);
      guard(network.payloadLength.ge(Icmp.size)).orPass(reasons.malformedIcmp);
      answerEcho(road, frame, network, icmp);
      guard(isError(family.name, icmp.type)).orPass(reasons.notTcpOrUdp);
      const quoted = quotedHeader(family, packet, network);
      // An error is for who sent the packet (RFC 792): whoever forges one need not be helped.
      guard(isSameAddress(network.destination, quoted.source)).orPass(reasons.icmpWithoutConnection);
      keepFlow(errand.flow, quoted);
      find(road, errand, currentTick(maps, shape), (found) => copyConnection(family, connection, found));
      return drop(reasons.internal);
    },
    { isGlobal: true },
  );
}

function isError(family: FamilyName, type: Int<"u8">) {
  if (family === "ipv6") return type.lt(FIRST_INFORMATION);
  const [first, ...others] = IPV4_ERRORS.map((error) => type.eq(error)) as [ReturnType<typeof type.eq>];
  return others.reduce((any, one) => any.or(one), first);
}

function keepFlow(flow: FlowReference, { source, destination, ports, protocol }: QuotedHeader): void {
  copyAddress(flow.source, destination);
  copyAddress(flow.destination, source);
  flow.sourcePort = ports.destination;
  flow.destinationPort = ports.source;
  flow.protocol = protocol.toU32();
}

/** Finds the connection of the flow as for a packet of it, and leaves. The connection itself is left as it is. */
function find(
  { maps, shape, family }: SendingRoad,
  { flow, ends: kept }: ErrandReference,
  now: Int<"u32">,
  keep: (connection: ConnectionReference) => void,
): void {
  const { connections } = maps[family.name];
  const answering = answeringClients(shape.methods);
  const toClient = (connection: ConnectionReference, { client, service }: ReplyEnds): void => {
    guard(isExpired(connection.life, now).not()).orPass(reasons.icmpWithoutConnection);
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
        toClient(connections.lookup(requestFlow(flow, ends)).orPass(reasons.icmpWithoutConnection), ends);
      });
    }
    when(isExpired(found.life, now).not(), () => {
      keep(found);
      leave(verdict(u32(whereTo.server)));
    });
  });
  if (hasLocalAddress(shape.methods)) findReplyByLocalPort(maps, family, flow, toClient);
  if (answering.length > 0) findReplyByRule(maps, family, flow, toClient);
  leave(pass(reasons.icmpWithoutConnection));
}
