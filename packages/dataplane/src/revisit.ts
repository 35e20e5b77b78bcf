// What a packet that found its connection may do besides going on in it: a SYN may open a new one in its place, and the
// connection's destination may be gone. Rules: shared behaviour reference §2 and §7, net/netfilter/ipvs/ip_vs_core.c
// (ip_vs_in_hook, is_new_conn_expected).

import { type Bool, fn, guard, type Int, returnValue, u32, when } from "@yardmaster/ebpf";
import type { ConnectionFunctions } from "./connection.ts";
import type { Family } from "./family.ts";
import { TCP_RST, TCP_SYN } from "./headers.ts";
import { stateOf } from "./life.ts";
import { failure, OPENED, RESET, SUPERSEDED } from "./outcome.ts";
import { reasons } from "./reasons.ts";
import { type BalancerMaps, destinationFlags, removalActions, reuseModes } from "./schema.ts";
import { states, transitionTables } from "./tcp-states.ts";

/** Whether a packet has to look twice at its connection. Most have not. */
export function needsRevisit(maps: BalancerMaps, flags: Int<"u32">): Bool {
  return flags.and(TCP_SYN).or(maps.settings.value.removedDestinations).ne(0);
}

/**
 * The function that looks: OPENED to go on in the connection, SUPERSEDED where it has been told that its time is up,
 * RESET, or a failure.
 */
export function revisitFunction(maps: BalancerMaps, family: Family, { expire, counters }: ConnectionFunctions) {
  const { Connection, digit } = family;
  return fn(
    `revisit${digit}`,
    { connection: Connection, flags: u32, now: u32 },
    u32,
    ({ connection, flags, now }) => {
      const { onRemoval, reuseMode } = maps.settings.value;
      const destination = maps.destinations.lookup(connection.destination).orReturn(failure(reasons.internal));
      const supersede = () => {
        expire(connection, now);
        returnValue(SUPERSEDED);
      };
      const reschedules = onRemoval.eq(removalActions.reschedule);
      when(flags.and(TCP_SYN).ne(0), () => {
        counters.sawSyn(connection.destination, stateOf(connection.life));
        when(reschedules.and(destination.weight.eq(0)), supersede);
        // A client that has heard nothing yet, or takes a port again that it had: found dead, the server stays silent.
        // Not of IPVS, which knows of no checks.
        const isDown = destination.flags.and(destinationFlags.down).ne(0);
        when(isDown.and(stateOf(connection.life).ne(states.ESTABLISHED)), supersede);
        // What is under a template stays there.
        when(reuseMode.ne(0).and(connection.template.eq(0)), () => {
          const state = stateOf(connection.life);
          when(state.eq(states.TIME_WAIT).or(state.eq(states.CLOSE)), supersede);
          const seesOneWay = connection.table.eq(transitionTables.requestOnly);
          const isAfterFin = reuseMode.and(reuseModes.afterFin).ne(0).and(state.eq(states.FIN_WAIT));
          when(isAfterFin.and(seesOneWay), supersede);
        });
      });
      guard(destination.flags.and(destinationFlags.removed).ne(0)).orReturn(OPENED);
      when(reschedules, supersede);
      // Resets are not answered, and UDP has none.
      const mayBeReset = stateOf(connection.life).ne(states.UDP).and(flags.and(TCP_RST).eq(0));
      when(onRemoval.eq(removalActions.reset).and(mayBeReset), () => returnValue(RESET));
      return u32(failure(reasons.destinationRemoved));
    },
    { isGlobal: true },
  );
}
