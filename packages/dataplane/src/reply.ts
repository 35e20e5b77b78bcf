// How a server's packet finds its connection. As a rule one service answers from a server's address and
// port, so the address tells the service, and the client's flow follows. Where several services share a
// server's port, each connection has an entry of its own for the way back.

import { type Int, type Reference, returnValue, stack, u32, variable, when } from "@yardmaster/ebpf";
import { type ConnectionFunctions, REPLY, REQUEST, stateOf } from "./connection.ts";
import type { ServiceAddress } from "./forward/method.ts";
import { EXISTS, failure } from "./outcome.ts";
import { reasons } from "./reasons.ts";
import { type BalancerMaps, Connection, FlowKey } from "./schema.ts";
import { states } from "./tcp-states.ts";

type FlowReference = Reference<typeof FlowKey.fields>;
type ConnectionReference = Reference<typeof Connection.fields>;

/** The client's flow that a server's packet in `flow` answers, if it answers for `service`. */
export function requestFlow(flow: FlowReference, service: ServiceAddress) {
  return {
    source: flow.destination,
    destination: service.address,
    sourcePort: flow.destinationPort,
    destinationPort: service.port,
    protocol: flow.protocol,
  };
}

/**
 * Runs `found` for a packet from a server that answers for one service, with the connection that it
 * belongs to. Packets that belong to none go on: servers have traffic of their own.
 */
export function findReplyByRule(
  maps: BalancerMaps,
  flow: FlowReference,
  found: (connection: ConnectionReference, service: ServiceAddress) => void,
): void {
  const server = { address: flow.source, port: flow.sourcePort, protocol: flow.protocol.toU16() };
  maps.replyRules.lookup(server).then((rule) => {
    maps.connections.lookup(requestFlow(flow, rule)).then((connection) => {
      // The client may be connected to another server of the service.
      const isItsServer = connection.address.eq(flow.source).and(connection.port.eq(flow.sourcePort));
      const isRequest = connection.direction.eq(REQUEST).and(connection.hasReplyEntry.eq(0));
      when(isRequest.and(isItsServer), () => found(connection, rule));
    });
  });
}

/**
 * Puts the entry for the replies of a new connection into the table. Where that cannot be, the connection
 * is ended and the function being built returns the reason.
 */
export function insertReplyEntry(
  maps: BalancerMaps,
  { discard, replyFlow }: ConnectionFunctions,
  { flow, now, connection }: { flow: FlowReference; now: Int<"u32">; connection: ConnectionReference },
): void {
  // Both in the frame at once: two updates and a deletion may want them, and registers are few.
  const answer = stack(FlowKey, replyFlow(flow, connection));
  const entry = stack(Connection, {
    life: 0n,
    destination: connection.destination,
    address: flow.destination,
    port: flow.destinationPort,
    method: connection.method,
    direction: REPLY,
    table: connection.table,
    hasReplyEntry: 1,
    reserved: 0,
  });
  const outcome = variable(maps.connections.update(answer, entry, "create"));
  when(outcome.get().eq(EXISTS), () => {
    maps.connections.lookup(answer).then((known) => {
      const owner = stack(FlowKey, requestFlow(answer, known));
      discard({ flow: owner, now, force: u32(0) });
    });
    outcome.set(maps.connections.update(answer, entry, "create"));
  });
  when(outcome.get().ne(0), () => {
    discard({ flow, now, force: u32(1) });
    when(outcome.get().eq(EXISTS), () => returnValue(failure(reasons.replyFlowTaken)));
    returnValue(failure(reasons.tableFull));
  });
  // Whoever ended the connection meanwhile did not find the reply entry: it would stay for ever.
  const isAlive = variable(u32(0));
  maps.connections.lookup(flow).then((current) => {
    const isClaimed = stateOf(current.life).eq(states.CLAIMED);
    when(isClaimed.not().and(current.destination.eq(connection.destination)), () => isAlive.set(u32(1)));
  });
  when(isAlive.get().eq(0), () => void maps.connections.delete(answer));
}
