// The flows of a connection: as its client's packets arrive, and as its server's do.

import { stack } from "@yardmaster/ebpf";
import type { Family } from "./family.ts";
import type { ConnectionReference, FlowReference } from "./life.ts";
import type { Endpoint, ReplyEnds } from "./forward/ends.ts";

/** The client's flow that a server's packet in `flow` answers. */
export function requestFlow({ protocol }: FlowReference, { client, service }: ReplyEnds) {
  return {
    source: client.address,
    destination: service.address,
    sourcePort: client.port,
    destinationPort: service.port,
    protocol,
  };
}

/**
 * The same in the frame, in bytes that hold one such flow at a time, and before that what led to it: the key of a
 * lookup, and what a template is asked for.
 */
export function openingFlow(family: Family, flow: FlowReference, ends: ReplyEnds): FlowReference {
  return stack(family.FlowKey, requestFlow(flow, ends), OPENING);
}
/** Where it lies. */
export const OPENING = { share: "opening" } as const;

/** The ends of a server's packet in `flow` that is addressed to its client, if it answers for `service`. */
export function endsOf({ destination, destinationPort }: FlowReference, service: Endpoint): ReplyEnds {
  return { service, client: { address: destination, port: destinationPort } };
}

/** The flow in which the server of `connection`, opened by `flow`, answers. */
export function replyFlow(flow: FlowReference, connection: ConnectionReference) {
  return {
    source: connection.address,
    destination: flow.source,
    sourcePort: connection.port,
    destinationPort: flow.sourcePort,
    protocol: flow.protocol,
  };
}
