// Which real servers answer for one service only: their replies are told by a rule, without an entry of
// their own for each connection. Where two services share a server's port, a reply does not say whose it is.

import { methods } from "@yardmaster/dataplane";
import type { Destination, VirtualService } from "../model/virtual-service.ts";

/** The destinations of these services that a rule can stand for. */
export function destinationsWithRule(services: readonly VirtualService[]): ReadonlySet<Destination> {
  const answering = new Map<string, Destination[]>();
  for (const { protocol, servers } of services) {
    for (const server of servers.filter(({ forwarding }) => methods[forwarding].hasReplies)) {
      const endpoint = `${protocol} ${server.address}:${server.port}`;
      answering.set(endpoint, [...(answering.get(endpoint) ?? []), server]);
    }
  }
  return new Set([...answering.values()].filter(({ length }) => length === 1).flat());
}
