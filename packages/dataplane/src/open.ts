// The road of a packet that has no connection: match a service, see whether it may open one, let the service's
// scheduler or the client's template choose, put the connection into the table. One function, called once a connection.

import { fn, guard, type Int, type Reference, returnValue, u32, u8, variable, when } from "@yardmaster/ebpf";
import { copyAddress } from "./address.ts";
import { assertBelowCaps, assertNotFtpData, assertNotShed, assertOpening } from "./admit.ts";
import { type ConnectionFunctions, transitionBase } from "./connection.ts";
import type { Family } from "./family.ts";
import { methods } from "./forward/registry.ts";
import { IPPROTO_TCP, IPPROTO_UDP } from "./headers.ts";
import { insertFunction } from "./insert.ts";
import { type ConnectionReference, type FlowReference, lifeOf, REQUEST } from "./life.ts";
import { failure, OPENED } from "./outcome.ts";
import { reasons } from "./reasons.ts";
import { questionOf, scheduleFunction } from "./schedule/choose.ts";
import { NO_DESTINATION } from "./schedule/scheduler.ts";
import { type BalancerMaps, destinationFlags, type ServiceFields, serviceFlags } from "./schema.ts";
import { matchService } from "./service.ts";
import { type BalancerShape, hasFeature } from "./shape.ts";
import { states, transitionTables } from "./tcp-states.ts";

/** What opens a connection, and where it is written. */
interface Opening {
  readonly flow: FlowReference;
  readonly flags: Int<"u32">;
  readonly now: Int<"u32">;
  readonly connection: ConnectionReference;
}

/**
 * Makes the function that opens connections of a family: `connection` receives a copy of the entry that now serves
 * the flow, also where another CPU was quicker.
 */
export function openFunction(
  maps: BalancerMaps,
  shape: BalancerShape,
  family: Family,
  { connections, schedule }: { connections: ConnectionFunctions; schedule: ReturnType<typeof scheduleFunction> },
) {
  const { FlowKey, Connection, digit } = family;
  const insert = insertFunction(maps, shape, family, connections);
  const parameters = { flow: FlowKey, flags: u32, now: u32, connection: Connection };
  return fn(`open${digit}`, parameters, u32, (opening) => {
    const { flow, flags, now, connection } = opening;
    const index = matchService(maps[family.name], flow).orReturn(failure(reasons.noService)).service;
    assertOpening(maps, flow, flags);
    const missing = failure(reasons.internal);
    const service = maps.services.lookup(index).orReturn(missing).lookup(0).orReturn(missing);
    assertNotShed(maps, shape);
    assertNotFtpData(maps, flow);
    assertBelowCaps(maps, shape, { index, service, now });

    const chosen = variable(bound(shape, connections, opening, { index, service }));
    when(chosen.get().eq(NO_DESTINATION), () => chosen.set(schedule({ question: questionOf(flow, index, now) })));
    guard(chosen.get().ne(NO_DESTINATION)).orReturn(failure(reasons.noDestination));
    connection.destination = chosen.get();
    bind(shape, connections, opening, { index, service });
    describe(maps, shape, connections, opening);
    if (hasFeature(shape, "onePacket")) {
      const isOnePacket = service.flags.and(serviceFlags.onePacket).ne(0).and(flow.protocol.eq(IPPROTO_UDP));
      when(isOnePacket, () => {
        connections.templates.release(flow, connection);
        connections.counters.scheduled(connection.destination);
        returnValue(OPENED);
      });
    }
    return insert({ flow, now, connection });
  });
}

interface Match {
  readonly index: Int<"u32">;
  readonly service: Reference<ServiceFields>;
}

const isPersistent = ({ service }: Match) => service.flags.and(serviceFlags.persistent).ne(0);

/** Where the client's template leads, or NO_DESTINATION. */
function bound(
  shape: BalancerShape,
  { templates }: ConnectionFunctions,
  { flow, now }: Opening,
  match: Match,
): Int<"u32"> {
  if (!hasFeature(shape, "persistence")) return u32(NO_DESTINATION);
  const chosen = variable(u32(NO_DESTINATION));
  const { flags, maskBits: bits } = match.service;
  when(isPersistent(match), () => chosen.set(templates.find({ flow, flags, bits, service: match.index, now })));
  return chosen.get();
}

/** Binds the client of a persistent service to the destination of `connection`, or that to the client's. */
function bind(
  shape: BalancerShape,
  { templates }: ConnectionFunctions,
  { flow, now, connection }: Opening,
  match: Match,
): void {
  connection.template = u32(0);
  connection.templateFlags = u8(0);
  connection.templateBits = u8(0);
  if (!hasFeature(shape, "persistence")) return;
  when(isPersistent(match), () => {
    templates.describe(connection, match.service);
    const { persistenceTicks: periodTicks } = match.service;
    const outcome = templates.bind({ flow, connection, service: match.index, periodTicks, now });
    guard(outcome.eq(0)).orReturn(failure(reasons.templatesFull));
  });
}

/** Fills the rest of `connection` in for its destination. */
function describe(
  maps: BalancerMaps,
  shape: BalancerShape,
  { nextState, timeoutOf, templates }: ConnectionFunctions,
  { flow, flags, now, connection }: Opening,
): void {
  const destination = maps.destinations.lookup(connection.destination).orReturn(failure(reasons.internal));
  copyAddress(connection.address, destination.address);
  connection.port = destination.port;
  // A destination without a port of its own gets packets for the port that the client wrote to.
  when(destination.port.eq(0), () => (connection.port = flow.destinationPort));
  connection.method = destination.method;
  connection.direction = u8(REQUEST);
  connection.table = u8(transitionTables.request);
  connection.hasReplyEntry = u8(0);
  const hasRule = destination.flags.and(destinationFlags.hasReplyRule);
  for (const name of shape.methods) {
    const method = methods[name];
    when(destination.method.eq(method.code), () => {
      connection.table = u8(transitionTables[method.requestTable]);
      if (method.hasReplies) connection.hasReplyEntry = hasRule.xor(destinationFlags.hasReplyRule).toU8();
    });
  }
  const state = variable(u32(states.UDP));
  when(flow.protocol.eq(IPPROTO_TCP), () =>
    state.set(nextState(transitionBase(connection.table.toU32(), flags), u32(states.NONE))),
  );
  connection.life = lifeOf(now.add(timeoutOf(state.get())), state.get());
  if (!hasFeature(shape, "persistence")) return;
  // Only where any packet may open a connection.
  const isEstablished = state.get().eq(states.ESTABLISHED).and(connection.template.ne(0));
  when(isEstablished, () => templates.assure(flow, connection), { isRare: true });
}
