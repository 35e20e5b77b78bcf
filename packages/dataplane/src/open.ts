// The road of a packet that has no connection: match a service, let its scheduler choose, put the
// connection into the table. One function of its own, called once per connection.

import {
  atomic,
  fn,
  guard,
  type Int,
  type Reference,
  returnValue,
  u16,
  u32,
  u64,
  u8,
  variable,
  when,
} from "@yardmaster/ebpf";
import { type ConnectionFunctions, isExpired, lifeOf, REQUEST, transitionBase } from "./connection.ts";
import { hasReplies, methods } from "./forward/registry.ts";
import { IPPROTO_TCP, TCP_RST, TCP_SYN } from "./headers.ts";
import { EXISTS, failure, OPENED } from "./outcome.ts";
import { reasons } from "./reasons.ts";
import { Connection, FlowKey, Load, type BalancerMaps, type Service } from "./schema.ts";
import { memberList } from "./schedule/members.ts";
import { schedulers } from "./schedule/registry.ts";
import { NO_DESTINATION } from "./schedule/scheduler.ts";
import { insertReplyEntry } from "./reply.ts";
import { matchService } from "./service.ts";
import type { BalancerShape } from "./shape.ts";
import { states, transitionTables } from "./tcp-states.ts";

type FlowReference = Reference<typeof FlowKey.fields>;
type ConnectionReference = Reference<typeof Connection.fields>;

/**
 * Makes the function that opens connections: `connection` receives a copy of the entry that now serves
 * the flow, also where another CPU was quicker.
 */
export function openFunction(maps: BalancerMaps, shape: BalancerShape, connections: ConnectionFunctions) {
  return fn("open", { flow: FlowKey, flags: u32, now: u32, connection: Connection }, u32, (args) => {
    const { flow, flags, now, connection } = args;
    const serviceIndex = matchService(maps, flow).orReturn(failure(reasons.noService)).service;
    const isOpening = flags.and(TCP_SYN | TCP_RST).eq(TCP_SYN);
    guard(flow.protocol.ne(IPPROTO_TCP).or(isOpening)).orReturn(failure(reasons.notOpening));
    const service = maps.services.lookup(serviceIndex).orReturn(failure(reasons.internal));

    const chosen = choose(maps, shape, { flow, now, serviceIndex, service });
    guard(chosen.ne(NO_DESTINATION)).orReturn(failure(reasons.noDestination));
    describe(maps, shape, connections, { flow, flags, now, connection, chosen });
    return insert(maps, shape, connections, { flow, now, connection });
  });
}

interface Opening {
  readonly flow: FlowReference;
  readonly now: Int<"u32">;
}

/** Asks the service's scheduler. Only the schedulers of the shape are compiled in. */
function choose(
  maps: BalancerMaps,
  shape: BalancerShape,
  at: Opening & { serviceIndex: Int<"u32">; service: Reference<typeof Service.fields> },
): Int<"u32"> {
  const missing = failure(reasons.internal);
  const list = maps.members.lookup(at.serviceIndex).orReturn(missing).lookup(0).orReturn(missing);
  const position = maps.positions.lookup(at.serviceIndex).orReturn(missing);
  const chosen = variable(u32(NO_DESTINATION));
  for (const name of shape.schedulers) {
    const scheduler = schedulers[name];
    when(at.service.scheduler.eq(scheduler.code), () => {
      const choice = scheduler.choose({
        ...at,
        maps,
        shape,
        position,
        members: memberList(maps, shape, list, at.service.memberCount),
        slot: (index) => {
          const table = maps.tables.lookup(at.serviceIndex).orReturn(missing);
          return table.lookup(index).orReturn(failure(reasons.noDestination));
        },
      });
      chosen.set(choice);
    });
  }
  return chosen.get();
}

/** Fills `connection` in for the chosen destination. */
function describe(
  maps: BalancerMaps,
  shape: BalancerShape,
  { nextState, timeoutOf }: ConnectionFunctions,
  {
    flow,
    flags,
    now,
    connection,
    chosen,
  }: Opening & { flags: Int<"u32">; connection: ConnectionReference; chosen: Int<"u32"> },
): void {
  const destination = maps.destinations.lookup(chosen).orReturn(failure(reasons.internal));
  connection.destination = chosen;
  connection.address = destination.address;
  connection.port = destination.port;
  connection.method = destination.method;
  connection.direction = u8(REQUEST);
  connection.table = u8(transitionTables.request);
  connection.hasReplyEntry = u8(0);
  connection.reserved = u16(0);
  for (const name of shape.methods) {
    const method = methods[name];
    when(destination.method.eq(method.code), () => {
      connection.table = u8(transitionTables[method.requestTable]);
      if (method.hasReplies) connection.hasReplyEntry = destination.hasReplyRule.xor(1).toU8();
    });
  }
  const state = variable(u32(states.UDP));
  when(flow.protocol.eq(IPPROTO_TCP), () =>
    state.set(nextState(transitionBase(connection.table.toU32(), flags), u32(states.NONE))),
  );
  connection.life = lifeOf(now.add(timeoutOf(state.get())), state.get());
}

/** Counts the connection and puts its entries into the table; undoes it all where that fails. */
function insert(
  maps: BalancerMaps,
  shape: BalancerShape,
  connections: ConnectionFunctions,
  { flow, now, connection }: Opening & { connection: ConnectionReference },
): Int<"u32"> {
  const { count, discard, weightOf } = connections;
  const weight = () => weightOf(connection.life.shr(32).toU32());
  // Counted first: another CPU may change the state as soon as the entry is there.
  count(connection.destination, weight());
  const uncount = () => count(connection.destination, u64(0).sub(weight()));
  const outcome = variable(maps.connections.update(flow, connection, "create"));
  when(
    outcome.get().eq(EXISTS),
    () => {
      // Absent where whoever ends it was quicker: then there is room now.
      maps.connections.lookup(flow).then((other) => {
        when(isExpired(other.life, now).not().and(other.direction.eq(REQUEST)), () => {
          uncount();
          copyConnection(connection, other);
          returnValue(OPENED);
        });
      });
      discard({ flow, now, force: u32(0) });
      outcome.set(maps.connections.update(flow, connection, "create"));
    },
    { isRare: true },
  );
  when(
    outcome.get().ne(0),
    () => {
      uncount();
      returnValue(failure(reasons.tableFull));
    },
    { isRare: true },
  );

  if (hasReplies(shape.methods)) {
    const { hasReplyEntry } = connection;
    when(hasReplyEntry.ne(0), () => insertReplyEntry(maps, connections, { flow, now, connection }), { isRare: true });
  }
  maps.loads.lookup(connection.destination).then((load) => atomic(load, Load, "scheduled").add(1));
  return u32(OPENED);
}

function copyConnection(to: ConnectionReference, from: ConnectionReference): void {
  for (const field of Object.keys(Connection.fields) as (keyof typeof Connection.fields)[]) {
    Object.assign(to, { [field]: from[field] });
  }
}
