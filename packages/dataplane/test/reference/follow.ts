// What becomes of packets that follow the connection of another: ICMP errors and later fragments, on to the
// connection's server or back to its client.

import { type BalancerPlan, clientHop } from "../plan.ts";
import { directionOf } from "./destination.ts";
import { type Fate, forward } from "./forward.ts";
import { errorTranslated, type Quoted } from "./icmp.ts";
import type { ReadPacket } from "./read-frame.ts";
import type { ReferenceConnection } from "./reference-balancer.ts";
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

/** A fragment that is not the first: it has addresses and no ports. */
export function fragmentFate(plan: BalancerPlan, frame: Uint8Array, read: ReadPacket, followed: Followed): Fate {
  const { server, local, service, client } = endsOf(followed.connection);
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
