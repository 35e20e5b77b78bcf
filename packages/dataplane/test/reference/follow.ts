// What becomes of packets that follow the connection of another: ICMP errors and later fragments, on to the
// connection's server or back to its client.

import { familyOf } from "../compiled.ts";
import { type BalancerPlan, clientHop } from "../plan.ts";
import { crossedError } from "./crossing.ts";
import { directionOf } from "./destination.ts";
import { type Fate, forward } from "./forward.ts";
import { errorTranslated, type Quoted } from "./icmp.ts";
import type { LocalEnd } from "./local-ports.ts";
import type { ReadPacket } from "./read-frame.ts";
import type { ReferenceConnection } from "./reference-connection.ts";
import { readdressed } from "./rewrite.ts";
import { tunnelledFollower } from "./tunnel.ts";

/** Whose a packet is, and on which way. */
export interface Followed {
  readonly to: "server" | "client";
  readonly connection: Pick<ReferenceConnection, "flow" | "local" | "destination">;
}

/** The ends of a connection as its server and as its client see them; local only where they talk to the director. */
function endsOf({ flow, local, destination }: Followed["connection"]) {
  return {
    server: { address: destination.address, port: destination.port },
    local,
    service: { address: flow.destination, port: flow.destinationPort },
    client: local && { address: flow.source, port: flow.sourcePort },
  };
}

/** An ICMP error about a packet of the connection. */
export function errorFate(
  plan: BalancerPlan,
  frame: Uint8Array,
  read: ReadPacket,
  quoted: Quoted,
  followed: Followed,
): Fate {
  const { server, local, service, client } = endsOf(followed.connection);
  if (local !== undefined && familyOf(local.address) !== familyOf(service.address)) {
    return crossedErrorFate(plan, frame, read, quoted, { ...followed, server, local });
  }
  if (followed.to === "client") {
    const own = { source: service.address, destination: client?.address };
    const changed = errorTranslated(frame, read, quoted, { own, quoted: { source: client, destination: service } });
    return sendOn(plan, changed, read, followed);
  }
  if (directionOf(followed.connection.destination) === "in-only") return sendOn(plan, frame, read, followed);
  const own = { source: local?.address, destination: server.address };
  const changed = errorTranslated(frame, read, quoted, { own, quoted: { source: server, destination: local } });
  return sendOn(plan, changed, read, followed);
}

/** The same where client and server are of two families. */
function crossedErrorFate(
  plan: BalancerPlan,
  frame: Uint8Array,
  read: ReadPacket,
  quoted: Quoted,
  followed: Followed & { readonly server: LocalEnd; readonly local: LocalEnd },
): Fate {
  const { connection, to, server, local } = followed;
  const { destination, flow } = connection;
  const { traffic, hop } = destination;
  const client = { address: flow.source, port: flow.sourcePort };
  const service = { address: flow.destination, port: flow.destinationPort };
  const ends = to === "client" ? { receiver: client, peer: service } : { receiver: server, peer: local };
  if (to === "client") {
    traffic.packetsOut += 1;
    traffic.bytesOut += read.totalLength;
  } else {
    traffic.packetsIn += 1;
    traffic.bytesIn += read.totalLength;
  }
  const error = crossedError(frame, read, quoted, ends);
  if (error === "malformedIcmp") return { verdict: "pass", frame, reason: error };
  if (typeof error === "string") return { verdict: "drop", reason: error };
  return to === "client"
    ? forward(plan, error.bytes, error.read, clientHop(plan), "exceedsMtu")
    : forward(plan, error.bytes, error.read, hop, "localExceedsMtu");
}

/** A fragment that is not the first: it has addresses and no ports. */
export function fragmentFate(plan: BalancerPlan, frame: Uint8Array, read: ReadPacket, followed: Followed): Fate {
  const { server, local, service, client } = endsOf(followed.connection);
  if (local !== undefined && familyOf(local.address) !== familyOf(service.address)) {
    return { verdict: "drop", reason: "crossingFragment" };
  }
  const isDirect = directionOf(followed.connection.destination) === "in-only";
  const [source, destination] =
    followed.to === "client" ? [service, client] : isDirect ? [undefined, undefined] : [local, server];
  const from = source === undefined ? frame : readdressed(frame, read, "source", source.address);
  const changed = destination === undefined ? from : readdressed(from, read, "destination", destination.address);
  return sendOn(plan, changed, read, followed);
}

/** Counts the packet, which is translated already, and sends it. */
function sendOn(plan: BalancerPlan, bytes: Uint8Array, read: ReadPacket, { to, connection }: Followed): Fate {
  const { destination, local } = connection;
  const { traffic, method, hop } = destination;
  if (to === "client") {
    traffic.packetsOut += 1;
    traffic.bytesOut += read.totalLength;
    return forward(plan, bytes, read, clientHop(plan), "exceedsMtu");
  }
  traffic.packetsIn += 1;
  traffic.bytesIn += read.totalLength;
  if (method === "tun") return tunnelledFollower(plan, bytes, read, destination);
  const tooLarge = method === "dr" ? "directExceedsMtu" : local === undefined ? "exceedsMtu" : "localExceedsMtu";
  return forward(plan, bytes, read, hop, tooLarge);
}
