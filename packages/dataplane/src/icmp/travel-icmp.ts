// The road of ICMP packets. Echo requests to virtual addresses are answered. Errors go where the packet that they quote
// came from: those about a server's answer to the server that gave it, those about a client's packet to the client.
// Rules: shared behaviour reference §9; ip_vs_in_icmp and ip_vs_out_icmp in net/netfilter/ipvs/ip_vs_core.c.

import { drop, guard, type Int, leave, Packet, pass, stack, u32, verdictFn, when } from "@yardmaster/ebpf";
import { isSameAddress } from "../address.ts";
import { currentTick } from "../clock.ts";
import type { FamilyName } from "../family.ts";
import { endsOf, requestFlow } from "../flows.ts";
import type { ForwardingMethod, MethodName, ReplyEnds } from "../forward/method.ts";
import { answeringClients, hasLocalAddress, methods } from "../forward/registry.ts";
import { sendToClient } from "../forward/send-reply.ts";
import { countedPath } from "../forward/send-request.ts";
import { Icmp, ICMP_PROTOCOLS, Ports } from "../headers.ts";
import { type ConnectionReference, type FlowReference, isExpired, REPLY } from "../life.ts";
import { findReplyByLocalPort } from "../local-port.ts";
import { type NetworkHeader, networkHeader } from "../network-header.ts";
import { resolve } from "../next-hop.ts";
import { type Frame, parseFrame } from "../parse.ts";
import { reasons } from "../reasons.ts";
import { findReplyByRule } from "../reply.ts";
import type { SendingRoad } from "../road.ts";
import { transmit } from "../transmit.ts";
import { answerEcho } from "./echo.ts";
import type { IcmpError } from "./icmp-error.ts";
import { quotedHeader } from "./quoted-header.ts";

/** Errors that belong to connections: unreachable, source quench, time exceeded (RFC 792). */
const IPV4_ERRORS = [3, 4, 11];
/** ICMPv6: types below are errors (RFC 4443 §2.1). */
const FIRST_INFORMATION = 128;

/** Brings a packet that is neither TCP nor UDP to the end of its road. */
export type TravelIcmp = ReturnType<typeof icmpFunction>;

/** The function that does. It reads the packet again: few are ICMP. */
export function icmpFunction(road: SendingRoad) {
  const { maps, shape, family } = road;
  return verdictFn(
    `icmp${family.digit}`,
    { packet: Packet },
    ({ packet }) => {
      const frame = parseFrame(packet, shape);
      travelIcmp(road, frame, networkHeader(family, packet, frame.networkOffset), currentTick(maps, shape));
      return drop(reasons.internal);
    },
    { isGlobal: true },
  );
}

/** An error on the road. */
interface ErrorTraveller {
  readonly error: IcmpError;
  /** The flow that the quoted packet answers. */
  readonly flow: FlowReference;
  readonly now: Int<"u32">;
}

function travelIcmp(road: SendingRoad, frame: Frame, network: NetworkHeader, now: Int<"u32">): void {
  const { family } = road;
  guard(network.protocol.eq(ICMP_PROTOCOLS[family.name])).orPass(reasons.notTcpOrUdp);
  const icmp = network.payload.fork().read(Icmp).orPass(reasons.truncated);
  guard(network.payloadLength.ge(Icmp.size)).orPass(reasons.malformedIcmp);
  answerEcho(road, frame, network, icmp);
  guard(isError(family.name, icmp.type)).orPass(reasons.notTcpOrUdp);
  const quoted = quotedHeader(family, frame.packet, network);
  // An error is for who sent the packet (RFC 792): whoever forges one need not be helped.
  guard(isSameAddress(network.destination, quoted.source)).orPass(reasons.icmpWithoutConnection);
  const { ports: shown, protocol } = quoted;
  const ports = stack(Ports, { source: shown.destination, destination: shown.source }, { share: "owner" });
  const parsed = { ...frame, network, ports, transport: network.payload, protocol, flags: u32(0) };
  const flow = stack(
    family.FlowKey,
    {
      source: quoted.destination,
      destination: quoted.source,
      sourcePort: ports.source,
      destinationPort: ports.destination,
      protocol: protocol.toU32(),
    },
    { share: "flow" },
  );
  followConnection(road, { error: { parsed, icmp, quoted }, flow, now });
}

function isError(family: FamilyName, type: Int<"u8">) {
  if (family === "ipv6") return type.lt(FIRST_INFORMATION);
  const [first, ...others] = IPV4_ERRORS.map((error) => type.eq(error)) as [ReturnType<typeof type.eq>];
  return others.reduce((any, one) => any.or(one), first);
}

/** Finds the connection of the flow as for a packet of it, and leaves. The connection itself is left as it is. */
function followConnection(road: SendingRoad, traveller: ErrorTraveller): void {
  const { maps, shape, family } = road;
  const { flow, now } = traveller;
  const { connections } = maps[family.name];
  const answering = answeringClients(shape.methods);
  connections.lookup(flow).then((found) => {
    if (answering.length > 0) {
      when(found.direction.eq(REPLY), () => {
        const ends = endsOf(flow, found);
        const client = connections.lookup(requestFlow(flow, ends)).orPass(reasons.icmpWithoutConnection);
        sendErrorToClient(road, traveller, client, { ends, names: answering });
      });
    }
    when(isExpired(found.life, now).not(), () => sendErrorToServer(road, traveller, found));
  });
  if (hasLocalAddress(shape.methods)) {
    findReplyByLocalPort(maps[family.name], flow, (client, ends) => {
      sendErrorToClient(road, traveller, client, { ends, names: ["fullnat"] });
    });
  }
  if (answering.length > 0) {
    findReplyByRule(maps[family.name], flow, (client, ends) => {
      sendErrorToClient(road, traveller, client, { ends, names: answering });
    });
  }
  leave(pass(reasons.icmpWithoutConnection));
}

/** Sends an error about a server's answer to that server, as a packet of the client's would go, and leaves. */
function sendErrorToServer(road: SendingRoad, { error, now }: ErrorTraveller, connection: ConnectionReference): void {
  const { maps, shape } = road;
  const { parsed } = error;
  const { network } = parsed;
  const request = { parsed, connection, maps };
  const { hop } = countedPath(maps, connection, network.length);
  for (const name of shape.methods) {
    const method = methods[name];
    when(connection.method.eq(method.code), () => {
      const change = () => (method.requestError ?? (() => method.request(request)))(error, request);
      // There is no answer to an error (RFC 1122 §3.2.2).
      const giveUp = ({ verdict, reason }: ForwardingMethod["whenTooLarge"]): void => {
        if (verdict === "pass") change();
        leave(verdict === "drop" ? drop(reason) : pass(reason));
      };
      const way = { target: method.target(request), hop, isOther: u32(0).ne(0) };
      resolve(road, parsed, way, now, () => giveUp(method.whileUnresolved));
      when(network.length.gt(hop.mtu), () => giveUp(method.whenTooLarge), { isRare: true });
      guard(network.hops.gt(1)).orDrop(reasons.timeToLiveExceeded);
      network.decrementHops();
      change();
      leave(transmit(road, parsed, hop));
    });
  }
  leave(drop(reasons.internal));
}

/** Sends an error about a client's packet to that client, as if the service had sent it, and leaves. */
function sendErrorToClient(
  road: SendingRoad,
  { error, now }: ErrorTraveller,
  connection: ConnectionReference,
  { ends, names }: { readonly ends: ReplyEnds; readonly names: readonly MethodName[] },
): void {
  const { maps } = road;
  const { parsed } = error;
  guard(isExpired(connection.life, now).not()).orPass(reasons.icmpWithoutConnection);
  const path = maps.paths.lookup(connection.destination).orDrop(reasons.internal);
  path.packetsOut = path.packetsOut.add(1);
  path.bytesOut = path.bytesOut.add(parsed.network.length);
  for (const name of names) {
    const { code, replyError } = methods[name];
    if (replyError === undefined) continue;
    when(connection.method.eq(code), () => {
      replyError(error, ends);
      sendToClient(road, { parsed, now });
    });
  }
  leave(drop(reasons.internal));
}
