// Second step of an ICMP error that is about a packet of a connection: on to the connection's server, or to its client.

import { drop, guard, leave, Packet, pass, stack, u32, verdictFn, when } from "@yardmaster/ebpf";
import { currentTick } from "../clock.ts";
import type { ForwardingMethod } from "../forward/method.ts";
import { methods } from "../forward/registry.ts";
import { sendToClient } from "../forward/send-reply.ts";
import { countedPath } from "../forward/send-request.ts";
import { Icmp, Ports } from "../headers.ts";
import { networkHeader } from "../network-header.ts";
import { resolve } from "../next-hop.ts";
import { parseFrame } from "../parse.ts";
import { reasons } from "../reasons.ts";
import type { SendingRoad } from "../road.ts";
import { transmit } from "../transmit.ts";
import type { IcmpError } from "./icmp-error.ts";
import { quotedHeader } from "./quoted-header.ts";

/** The function that sends an error about a server's answer to that server, as a packet of the client's would go. */
export function errorToServerFunction(road: SendingRoad) {
  const { maps, shape, family } = road;
  return verdictFn(
    `error_out${family.digit}`,
    { packet: Packet, connection: family.Connection },
    ({ packet, connection }) => {
      const error = readError(road, packet);
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
          resolve(road, parsed, way, currentTick(maps, shape), () => giveUp(method.whileUnresolved));
          when(network.length.gt(hop.mtu), () => giveUp(method.whenTooLarge), { isRare: true });
          guard(network.hops.gt(1)).orDrop(reasons.timeToLiveExceeded);
          network.decrementHops();
          change();
          leave(transmit(road, parsed, hop));
        });
      }
      return drop(reasons.internal);
    },
    { isGlobal: true },
  );
}

/** The function that sends an error about a client's packet to that client, as if the service had sent it. */
export function errorToClientFunction(road: SendingRoad) {
  const { maps, shape, family } = road;
  return verdictFn(
    `error_in${family.digit}`,
    { packet: Packet, errand: family.Errand, connection: family.Connection },
    ({ packet, errand, connection }) => {
      const error = readError(road, packet);
      const { parsed } = error;
      const path = maps.paths.lookup(connection.destination).orDrop(reasons.internal);
      path.packetsOut = path.packetsOut.add(1);
      path.bytesOut = path.bytesOut.add(parsed.network.length);
      const { client, service, clientPort, servicePort } = errand.ends;
      const ends = { client: { address: client, port: clientPort }, service: { address: service, port: servicePort } };
      for (const name of shape.methods) {
        const { code, replyError } = methods[name];
        if (replyError === undefined) continue;
        when(connection.method.eq(code), () => replyError(error, ends));
      }
      sendToClient(road, { parsed, now: currentTick(maps, shape) });
      return drop(reasons.internal);
    },
    { isGlobal: true },
  );
}

/** Reads a packet that the first step found to be an error. */
function readError({ shape, family }: SendingRoad, packet: Packet): IcmpError {
  const frame = parseFrame(packet, shape);
  const network = networkHeader(family, packet, frame.networkOffset);
  const icmp = network.payload.fork().read(Icmp).orDrop(reasons.internal);
  const quoted = quotedHeader(family, packet, network);
  const { source, destination } = quoted.ports;
  const ports = stack(Ports, { source: destination, destination: source });
  const transport = network.payload;
  return { parsed: { ...frame, network, ports, transport, protocol: quoted.protocol, flags: u32(0) }, icmp, quoted };
}
