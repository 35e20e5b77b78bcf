// How a server's packet finds its connection. As a rule one service answers from a server's address and
// port, so the address tells the service, and the client's flow follows. Where several services share a
// server's port, each connection has an entry of its own for the way back.

import { fn, returnValue, stack, u32, variable, when } from "@yardmaster/ebpf";
import { isSameAddress } from "./address.ts";
import type { Family } from "./family.ts";
import { endsOf, OPENING, openingFlow, replyFlow, requestFlow } from "./flows.ts";
import { type ConnectionReference, type FlowReference, REPLY, REQUEST, stateOf } from "./life.ts";
import { EXISTS } from "./outcome.ts";
import type { BalancerMaps } from "./schema.ts";
import { states } from "./tcp-states.ts";
import type { ReplyEnds } from "./forward/ends.ts";

/**
 * Runs `found` for a packet from a server that answers for one service, with the connection that it
 * belongs to. Packets that belong to none go on: servers have traffic of their own.
 */
export function findReplyByRule(
  maps: BalancerMaps,
  family: Family,
  flow: FlowReference,
  found: (connection: ConnectionReference, ends: ReplyEnds) => void,
): void {
  const { connections, replyRules } = maps[family.name];
  const server = { address: flow.source, port: flow.sourcePort, protocol: flow.protocol.toU16() };
  replyRules.lookup(stack(family.ServiceKey, server, OPENING)).then((rule) => {
    const ends = endsOf(flow, rule);
    connections.lookup(openingFlow(family, flow, ends)).then((connection) => {
      // The client may be connected to another server of the service.
      const isItsServer = connection.port.eq(flow.sourcePort).and(isSameAddress(connection.address, flow.source));
      const isRequest = connection.direction.eq(REQUEST).and(connection.hasReplyEntry.eq(0));
      when(isRequest.and(isItsServer), () => found(connection, ends));
    });
  });
}

/** The functions that put the entry for the replies of a connection into the table. */
export function replyEntryFunctions(maps: BalancerMaps, family: Family) {
  const { FlowKey, Connection, digit } = family;
  const { connections } = maps[family.name];

  /**
   * Inserts it: 0, or what the map's update returned. EXISTS also where a rule gives these replies to a connection: a
   * server's port that two services share since may have some from before.
   */
  const replyEntry = fn(
    `reply_entry${digit}`,
    { flow: FlowKey, connection: Connection },
    u32,
    ({ flow, connection }) => {
      // Both in the frame at once: an update and a deletion may want them, and registers are few.
      const answer = stack(FlowKey, replyFlow(flow, connection));
      findReplyByRule(maps, family, answer, () => returnValue(EXISTS));
      const entry = stack(Connection, {
        life: 0n,
        destination: connection.destination,
        template: 0,
        address: flow.destination,
        port: flow.destinationPort,
        method: connection.method,
        direction: REPLY,
        table: connection.table,
        hasReplyEntry: 1,
        serviceFlags: 0,
        maskBits: 0,
      });
      const outcome = connections.update(answer, entry, "create");
      when(outcome.ne(0), () => returnValue(outcome));
      // Whoever ended the connection meanwhile did not find the reply entry: it would stay for ever.
      const isAlive = variable(u32(0));
      connections.lookup(flow).then((current) => {
        const isClaimed = stateOf(current.life).eq(states.CLAIMED);
        when(isClaimed.not().and(current.destination.eq(connection.destination)), () => isAlive.set(u32(1)));
      });
      when(isAlive.get().eq(0), () => void connections.delete(answer));
      return u32(0);
    },
    { isGlobal: true },
  );

  /** Who gets the replies that `connection` would: its client's flow, in `owner`. 0 where there is nobody. */
  const replyOwner = fn(
    `reply_owner${digit}`,
    { flow: FlowKey, connection: Connection, owner: FlowKey },
    u32,
    ({ flow, connection, owner }) => {
      const answer = stack(FlowKey, replyFlow(flow, connection));
      const found = (ends: ReplyEnds) => {
        Object.assign(owner, requestFlow(answer, ends));
        returnValue(1);
      };
      connections.lookup(answer).then((entry) => found(endsOf(answer, entry)));
      findReplyByRule(maps, family, answer, (_, ends) => found(ends));
      return u32(0);
    },
    { isGlobal: true },
  );

  return { replyEntry, replyOwner };
}
