// Connections in the table: their life word, the state machine, how they begin and how they end.

import { atomic, type Bool, fn, guard, type Int, repeat, returnValue, stack, u32, when } from "@yardmaster/ebpf";
import { isSameAddress } from "./address.ts";
import type { Family } from "./family.ts";
import { replyFlow } from "./flows.ts";
import { methods } from "./forward/registry.ts";
import { TCP_RST } from "./headers.ts";
import { type ConnectionReference, type FlowReference, isExpired, lifeOf, REPLY, REQUEST, stateOf } from "./life.ts";
import { giveLocalPortBack } from "./local-port.ts";
import { type LoadCounters, loadCounters } from "./load.ts";
import type { BalancerMaps } from "./schema.ts";
import { type BalancerShape, hasFeature } from "./shape.ts";
import { FLAG_BITS, STATE_BITS, states, type TransitionTable, transitionTables } from "./tcp-states.ts";
import { type TemplateFunctions, templateFunctions } from "./template.ts";
import { answeringClients, hasLocalAddress } from "./forward/traits.ts";

/** How often a compare-and-exchange is tried again while other CPUs keep winning. */
const ATTEMPTS = 4;

/** Index into the transition bytes without the state: what one packet contributes. */
export function transitionBase(table: Int<"u32"> | TransitionTable, flags: Int<"u32">): Int<"u32"> {
  const event = flags.and((1 << FLAG_BITS) - 1).shl(STATE_BITS);
  const shift = FLAG_BITS + STATE_BITS;
  return typeof table === "string" ? event.or(transitionTables[table] << shift) : event.or(table.shl(shift));
}

/** Of what a packet contributes: its table, and whether it is a reset. */
const SENDER_AND_RESET = (3 << (FLAG_BITS + STATE_BITS)) | (TCP_RST << STATE_BITS);
const RESET_BY_SERVER = (transitionTables.reply << (FLAG_BITS + STATE_BITS)) | (TCP_RST << STATE_BITS);

/** What renewing a connection came to: it is no more; it goes on; it did, and its template is good for a client now. */
const renewals = { gone: 0, renewed: 1, assured: 2 } as const;

/** The operations on connections of one family in one program. */
export function connectionFunctions(maps: BalancerMaps, shape: BalancerShape, family: Family) {
  const parts: Parts = {
    maps,
    shape,
    family,
    counters: loadCounters(maps, shape),
    templates: templateFunctions(maps, shape, family),
  };
  const { counters, templates } = parts;
  return { counters, templates, ...stateMachine(maps), ...renewal(parts), ...ending(parts) };
}

export type ConnectionFunctions = ReturnType<typeof connectionFunctions>;

/** What the operations are made of. */
interface Parts {
  readonly maps: BalancerMaps;
  readonly shape: BalancerShape;
  readonly family: Family;
  readonly counters: LoadCounters;
  readonly templates: TemplateFunctions;
}

/** The tables of states, as the settings hold them. */
function stateMachine(maps: BalancerMaps) {
  return {
    /** The state after a packet, given what it contributes (`transitionBase`) and the state before. */
    nextState: (base: Int<"u32">, state: Int<"u32">): Int<"u32"> =>
      maps.settings.value.transitions.masked(base.or(state)).and(15),
    /** Ticks that a connection lives in a state without a packet. */
    timeoutOf: (state: Int<"u32">): Int<"u32"> => maps.settings.value.timeouts.masked(state),
  };
}

/** How packets keep a connection alive. */
function renewal({ maps, shape, family, counters, templates }: Parts) {
  const { Connection, digit } = family;
  const { nextState, timeoutOf } = stateMachine(maps);
  const parameters = { connection: Connection, base: u32, now: u32 };

  /**
   * Brings a connection up to date with a packet: next state, new expiry, counts. Returns a number of `renewals`. Only
   * called when something changes; see `touch`.
   */
  const renew = fn(
    `renew${digit}`,
    parameters,
    u32,
    ({ connection, base, now }) => {
      repeat(ATTEMPTS, () => {
        const life = connection.life;
        guard(isExpired(life, now).not()).orReturn(renewals.gone);
        const state = stateOf(life);
        const next = nextState(base, state);
        const renewed = lifeOf(now.add(timeoutOf(next)), next);
        const found = atomic(connection, Connection, "life").compareExchange(life, renewed);
        when(found.eq(life), () => {
          when(next.ne(state), () => {
            const isReset = (): Bool => base.and(SENDER_AND_RESET).eq(RESET_BY_SERVER);
            counters.move(connection.destination, state, next, isReset);
            const isAssured = next.eq(states.ESTABLISHED).and(connection.template.ne(0));
            when(isAssured, () => returnValue(renewals.assured));
          });
          returnValue(renewals.renewed);
        });
      });
      return u32(renewals.renewed);
    },
    { isGlobal: true },
  );

  /**
   * Shows a packet to its connection, which was opened by `flow`. Writes only when the state changes or the expiry
   * moves by as much as the settings say. `onGone` runs where the entry was given up between lookup and now.
   */
  const touch = (
    connection: ConnectionReference,
    { base, now, flow }: { base: Int<"u32">; now: Int<"u32">; flow: () => FlowReference },
    onGone: () => void,
  ): void => {
    const life = connection.life;
    const state = stateOf(life);
    const next = nextState(base, state);
    const moved = now.add(timeoutOf(next)).sub(life.toU32());
    when(
      next.ne(state).or(moved.ge(maps.settings.value.renewalTicks)),
      () => {
        const outcome = renew({ connection, base, now });
        when(outcome.eq(renewals.gone), onGone);
        if (!hasFeature(shape, "persistence")) return;
        when(outcome.eq(renewals.assured), () => templates.assure(flow(), connection));
      },
      { isRare: true },
    );
  };

  return { touch };
}

/** How connections end. */
function ending({ maps, shape, family, counters, templates }: Parts) {
  const { FlowKey, Connection, digit } = family;
  const { connections } = maps[family.name];
  const parameters = { flow: FlowKey, now: u32, force: u32 };

  /**
   * Ends the connection of a client's flow: claims it, takes the counts down, deletes its entries.
   * With `force` 0 only when its time is up. Returns 1 for the one caller that did it.
   */
  const discard = fn(
    `discard${digit}`,
    parameters,
    u32,
    ({ flow, now, force }) => {
      const connection = connections.lookup(flow).orReturn(0);
      guard(connection.direction.eq(REQUEST)).orReturn(0);
      const life = connection.life;
      guard(stateOf(life).ne(states.CLAIMED)).orReturn(0);
      guard(force.ne(0).or(isExpired(life, now))).orReturn(0);
      const claimed = lifeOf(now, u32(states.CLAIMED));
      guard(atomic(connection, Connection, "life").compareExchange(life, claimed).eq(life)).orReturn(0);
      counters.unbind(connection.destination, stateOf(life));
      templates.releaseHere(flow, connection);
      const hasOwnEntry = connection.hasReplyEntry.ne(0);
      if (hasLocalAddress(shape.methods)) {
        when(hasOwnEntry.and(connection.method.eq(methods.fullnat.code)), () => {
          giveLocalPortBack({ maps, shape, family }, flow, connection, { share: "template key" });
        });
      }
      if (answeringClients(shape.methods).length > 0) {
        when(hasOwnEntry.and(connection.method.ne(methods.fullnat.code)), () => {
          // In the bytes of the template's key, which has served.
          const reply = stack(FlowKey, replyFlow(flow, connection), { share: "template key" });
          connections.lookup(reply).then((entry) => {
            const leadsHere = entry.port.eq(flow.destinationPort).and(isSameAddress(entry.address, flow.destination));
            when(entry.direction.eq(REPLY).and(leadsHere), () => void connections.delete(reply));
          });
        });
      }
      connections.delete(flow);
      return u32(1);
    },
    { isGlobal: true },
  );

  /**
   * Tells a connection that its time is up: from now on it counts as absent, and is still in its destination's counts
   * until it is discarded, as IPVS has it (ip_vs_conn_expire_now).
   */
  const expire = (connection: ConnectionReference, now: Int<"u32">): void => {
    const life = connection.life;
    atomic(connection, Connection, "life").compareExchange(life, lifeOf(now, stateOf(life)));
  };

  return { discard, expire };
}
