// The road of a packet that has no connection: match a service, see whether it may open one, let the service's
// scheduler or the client's template choose, describe the connection.

import { fn, guard, type Int, type Reference, returnValue, u32, u8, variable, when } from "@yardmaster/ebpf";
import { BY_ERROR, assertBelowCaps, assertNotFtpData, assertNotShed, assertOpening } from "./admit.ts";
import { aim } from "./aim.ts";
import { type ConnectionFunctions, transitionBase } from "./connection.ts";
import type { Family } from "./family.ts";
import { IPPROTO_TCP } from "./headers.ts";
import { type ConnectionReference, type FlowReference, lifeOf, REQUEST } from "./life.ts";
import { insertion } from "./insert.ts";
import { failure, READY } from "./outcome.ts";
import { reasons } from "./reasons.ts";
import { questionOf, scheduleFunction } from "./schedule/choose.ts";
import { NO_DESTINATION } from "./schedule/scheduler.ts";
import { type BalancerMaps, type ServiceFields, serviceFlags } from "./schema.ts";
import { matchService, NO_SERVICE, serviceAt } from "./service.ts";
import { type BalancerShape, hasFeature } from "./shape.ts";
import { states } from "./tcp-states.ts";

/** What opens a connection, and where it is written. */
interface Opening {
  readonly flow: FlowReference;
  readonly flags: Int<"u32">;
  readonly now: Int<"u32">;
  readonly connection: ConnectionReference;
}

/** What the functions of opening are made of. */
interface Parts {
  readonly connections: ConnectionFunctions;
  readonly schedule: ReturnType<typeof scheduleFunction>;
}

/** Opens a connection and puts it into the table: OPENED or a failure. `connection` is what it came to. */
export type OpenConnection = ReturnType<typeof openFunction>;

/**
 * Makes the function that opens connections of a family. What it calls, it calls one after another: frames that call
 * each other share 512 bytes.
 */
export function openFunction(maps: BalancerMaps, shape: BalancerShape, family: Family, parts: Parts) {
  const { FlowKey, Connection, digit } = family;
  const { connections, schedule } = parts;
  const insert = insertion(maps, shape, family, connections);
  return fn(
    `open${digit}`,
    { flow: FlowKey, flags: u32, now: u32, connection: Connection },
    u32,
    (opening) => {
      const { connection, flow, now } = opening;
      // Until it is described the connection holds the index of its service in the place of its template.
      admit(maps, shape, family, connections, opening);
      when(connection.destination.eq(NO_DESTINATION), () => {
        connection.destination = schedule({ question: questionOf(flow, connection.template, now) });
      });
      describe(maps, shape, family, connections, opening);
      const outcome = variable(u32(READY));
      insert(opening, outcome);
      return outcome.get();
    },
    { isGlobal: true },
  );
}

/** Finds which service the packet is for; where it may not open a connection there, the function returns why. */
function admit(
  maps: BalancerMaps,
  shape: BalancerShape,
  family: Family,
  connections: ConnectionFunctions,
  opening: Opening,
): void {
  const { flow, flags, now, connection } = opening;
  const index = matchService(maps, maps[family.name], shape, flow);
  guard(index.ne(NO_SERVICE)).orReturn(failure(reasons.noService));
  assertOpening(maps, flow, flags);
  const missing = failure(reasons.internal);
  const service = serviceAt(maps, index, missing);
  assertNotShed(maps, shape);
  assertNotFtpData(maps, flow);
  assertBelowCaps(maps, shape, { index, service, now });
  connection.template = index;
  connection.destination = bound(shape, connections, opening, { index, service });
}

interface Match {
  readonly index: Int<"u32">;
  readonly service: Reference<ServiceFields>;
}

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
  const isPersistent = flags.and(serviceFlags.persistent).ne(0);
  when(isPersistent, () => chosen.set(templates.find({ flow, flags, bits, service: match.index, now })));
  return chosen.get();
}

/** Fills `connection` in for its destination; where there is none, the function returns why. */
function describe(
  maps: BalancerMaps,
  shape: BalancerShape,
  family: Family,
  connections: ConnectionFunctions,
  { flow, flags, now, connection }: Opening,
): void {
  const missing = failure(reasons.internal);
  const service = serviceAt(maps, connection.template, missing);
  when(connection.destination.eq(NO_DESTINATION), () => refuse(maps, family, service));
  const destination = maps.destinations.lookup(connection.destination).orReturn(missing);
  connection.template = u32(0);
  connection.serviceFlags = service.flags.toU8();
  aim(shape, connection, flow, destination);
  connection.direction = u8(REQUEST);
  connection.maskBits = service.maskBits.toU8();
  setState(maps, connections, { flow, flags, now, connection });
}

/** Returns from the function being built with why there is no destination. */
function refuse(maps: BalancerMaps, family: Family, service: Reference<ServiceFields>): void {
  if (family.name === "ipv4") {
    // The kernel finds no address to send the error from where only a mark makes the packet's local.
    const isSilent = service.flags.and(serviceFlags.byMark).ne(0).and(maps.settings.value.refusesByIcmp.ne(0));
    when(isSilent, () => returnValue(failure(reasons.silentRefusal)));
  }
  returnValue(failure(reasons.noDestination));
}

/** Seconds that a connection lives which no packet of its own has opened (ip_vs_conn_new, ip_vs_conn.c). */
export const UNSEEN_SECONDS = 3;

function setState(
  maps: BalancerMaps,
  { nextState, timeoutOf }: ConnectionFunctions,
  { flow, flags, now, connection }: Opening,
): void {
  const state = variable(u32(states.UDP));
  when(flow.protocol.eq(IPPROTO_TCP), () =>
    state.set(nextState(transitionBase(connection.table.toU32(), flags), u32(states.NONE))),
  );
  const ticks = variable(timeoutOf(state.get()));
  when(flags.and(BY_ERROR).ne(0), () => {
    when(flow.protocol.eq(IPPROTO_TCP), () => state.set(u32(states.NONE)));
    ticks.set(maps.settings.value.ticksPerSecond.mul(UNSEEN_SECONDS));
  });
  connection.life = lifeOf(now.add(ticks.get()), state.get());
}
