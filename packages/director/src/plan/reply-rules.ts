// Which real servers answer for one service only: their replies are told by a rule, without an entry of
// their own for each connection. Where two services share a server's port, a reply does not say whose it is.

import { methods } from "@yardmaster/dataplane";
import { type Destination, type Protocol, protocols, type VirtualService } from "../model/virtual-service.ts";

/** The destinations of these services that a rule can stand for. */
export function destinationsWithRule(services: readonly VirtualService[]): ReadonlySet<Destination> {
  const answering = services.flatMap(({ match, servers }) =>
    servers
      .filter(({ forwarding }) => methods[forwarding].hasReplies)
      .flatMap((server) => protocolsOf(match).map((protocol) => ({ server, match, ...endpointsOf(protocol, server) }))),
  );
  const users = new Map<string, number>();
  for (const { endpoint } of answering) users.set(endpoint, (users.get(endpoint) ?? 0) + 1);
  // A server of a wide service may answer from any port, and for more than one address and port of its service.
  const isAlone = ({ endpoint, anyPort }: (typeof answering)[number]) =>
    users.get(endpoint) === 1 && !users.has(anyPort);
  return new Set(answering.filter((each) => each.match.kind === "exact" && isAlone(each)).map(({ server }) => server));
}

function protocolsOf(match: VirtualService["match"]): readonly Protocol[] {
  return match.kind === "mark" ? protocols : [match.protocol];
}

function endpointsOf(protocol: Protocol, { address, port }: Destination) {
  return { endpoint: `${protocol} ${address} ${port}`, anyPort: `${protocol} ${address} 0` };
}
