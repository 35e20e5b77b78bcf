// Full NAT: source and destination of the packet both change, so that the server talks to an address of the director's
// own and needs nothing but a route to it. Which local address and port a connection has is settled when it is opened,
// see local-port.ts. Between address families packets go another way: crossing/.

import { variable, viewAs, when } from "@yardmaster/ebpf";
import { AnyAddress } from "../address.ts";
import { translateError } from "../icmp/icmp-error.ts";
import { reasons } from "../reasons.ts";
import type { ForwardingMethod, Request } from "./method.ts";
import { traits } from "./traits.ts";
import { translate } from "./translate.ts";

export const fullNat: ForwardingMethod = {
  name: "fullnat",
  ...traits.fullnat,
  mapsPorts: true,
  mixesFamilies: true,
  requestTable: "request",
  requires: [
    { kind: "ipForwarding", text: "the director forwards IP packets of the clients' and of the servers' family" },
    { kind: "localAddressesGiven", text: "the director has local addresses of the family of the real servers" },
    {
      kind: "localAddressOwned",
      text: "packets to the local addresses reach the director: its own, or routed to it",
    },
    { kind: "neighbourKnown", text: "the next hop to the real server answers ARP or neighbour discovery" },
  ],
  request: (request) => {
    const { parsed, connection } = request;
    const server = serverEnd(request);
    const change = () => translate(parsed, { source: connection, destination: server });
    // Rules of policy routing are to see the packet that leaves.
    return { target: server.address, source: connection.address, change };
  },
  reply: (parsed, { service, client }) => translate(parsed, { source: service, destination: client }),
  requestError: (error, request) => {
    const { connection } = request;
    const server = serverEnd(request);
    translateError(error, {
      own: { source: connection.address, destination: server.address },
      quoted: { source: server, destination: connection },
    });
  },
  replyError: (error, { service, client }) =>
    translateError(error, {
      own: { source: service.address, destination: client.address },
      quoted: { source: client, destination: service },
    }),
  // The stack would take a packet from one of its own addresses for a forgery (a martian source, fib_validate_source in
  // net/ipv4/fib_frontend.c).
  whileUnresolved: { verdict: "drop", reason: reasons.serverNeighbourUnresolved },
  whenTooLarge: { verdict: "drop", reason: reasons.localExceedsMtu },
};

/** The real server of a connection: a destination's index keeps its address while it has connections. */
function serverOf({ maps, parsed, connection }: Request) {
  const { address, port } = maps.destinations.lookup(connection.destination).orDrop(reasons.internal);
  return { address: viewAs(address, AnyAddress, parsed.network.family.Address), port };
}

/** Its address and port; one without a port of its own gets what the client wrote to. */
function serverEnd(request: Request) {
  const { address, port: own } = serverOf(request);
  const port = variable(own);
  when(own.eq(0), () => port.set(request.parsed.ports.destination));
  return { address, port: port.get() };
}
