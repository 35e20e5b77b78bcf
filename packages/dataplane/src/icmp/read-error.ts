// Last step of an ICMP error that is about a packet of a connection: what forwarding methods get to see of it.

import { type Packet, stack, u32 } from "@yardmaster/ebpf";
import { Icmp, Ports } from "../headers.ts";
import { networkHeader } from "../network-header.ts";
import { parseFrame } from "../parse.ts";
import { reasons } from "../reasons.ts";
import type { Follower } from "../send-follower.ts";
import { quotedHeader } from "./quoted-header.ts";
import type { SendingRoad } from "../sending.ts";

/**
 * Reads a packet that the first step found to be an error. Nobody is told where it cannot go on: there is no answer to
 * an error (RFC 1122 §3.2.2).
 */
export function readError({ shape, family }: SendingRoad, packet: Packet): Follower {
  const frame = parseFrame(packet, shape);
  const network = networkHeader(family, packet, frame.networkOffset);
  const icmp = network.payload.fork().read(Icmp).orDrop(reasons.internal);
  const quoted = quotedHeader(family, packet, network);
  const { source, destination } = quoted.ports;
  const ports = stack(Ports, { source: destination, destination: source });
  const parsed = { ...frame, network, ports, transport: network.payload, protocol: quoted.protocol, flags: u32(0) };
  const error = { parsed, icmp, quoted };
  return {
    parsed,
    request: (method, request, way, passing) => {
      if (method.requestError === undefined) way.change?.(passing);
      else method.requestError(error, request);
    },
    reply: (method, ends) => method.replyError?.(error, ends),
  };
}
