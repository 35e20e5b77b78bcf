// Connections in the table: their life word, the state machine, how they begin and how they end. The
// counts of a destination move here and nowhere else, so that they equal a recount of the table.

import {
  atomic,
  type Bool,
  fn,
  guard,
  type Int,
  type Reference,
  repeat,
  returnValue,
  u32,
  u64,
  when,
} from "@yardmaster/ebpf";
import { hasReplies } from "./forward/registry.ts";
import { type BalancerMaps, Connection, FlowKey, Load } from "./schema.ts";
import type { BalancerShape } from "./shape.ts";
import { ACTIVE_STATES, FLAG_BITS, STATE_BITS, states, type TransitionTable, transitionTables } from "./tcp-states.ts";

type FlowReference = Reference<typeof FlowKey.fields>;
type ConnectionReference = Reference<typeof Connection.fields>;

/** Values of `direction`. */
export const REQUEST = 0;
export const REPLY = 1;
/** What one active and one inactive connection add to the `connections` word of a destination. */
const ONE_ACTIVE = 1n << 32n;
const ONE_INACTIVE = 1n;
/** How often a compare-and-exchange is tried again while other CPUs keep winning. */
const ATTEMPTS = 4;

/** The life word: expiry tick low, state high. */
export function lifeOf(expiresAt: Int<"u32">, state: Int<"u32">): Int<"u64"> {
  return state.toU64().shl(32).or(expiresAt);
}

/** The state in a life word. */
export function stateOf(life: Int<"u64">): Int<"u32"> {
  return life.shr(32).and(15).toU32();
}

/** Whether a connection's time is up: such an entry counts as absent, whoever finds it. */
export function isExpired(life: Int<"u64">, now: Int<"u32">): Bool {
  return life.toU32().sub(now).sub(1).isNegative();
}

/** Index into the transition bytes without the state: what one packet contributes. */
export function transitionBase(table: Int<"u32"> | TransitionTable, flags: Int<"u32">): Int<"u32"> {
  const event = flags.and((1 << FLAG_BITS) - 1).shl(STATE_BITS);
  const shift = FLAG_BITS + STATE_BITS;
  return typeof table === "string" ? event.or(transitionTables[table] << shift) : event.or(table.shl(shift));
}

/** The number of a connection in `state` in its destination's `connections` word. */
function weightOf(state: Int<"u32">): Int<"u64"> {
  const active = u64(ACTIVE_STATES).shr(state).and(1);
  return active.mul(ONE_ACTIVE - ONE_INACTIVE).add(ONE_INACTIVE);
}

/** The operations on connections of one program. */
export function connectionFunctions(maps: BalancerMaps, shape: BalancerShape) {
  /** Adds `amount` to the counts of a destination. */
  const count = (destination: Int<"u32">, amount: Int<"u64">): void => {
    maps.loads.lookup(destination).then((load) => atomic(load, Load, "connections").add(amount));
  };

  /**
   * Brings a connection up to date with a packet: next state, new expiry, counts. 0 where the entry was
   * given up meanwhile. Only called when something changes; see `touch`.
   */
  const renew = fn("renew", { connection: Connection, base: u32, now: u32 }, u32, ({ connection, base, now }) => {
    repeat(ATTEMPTS, () => {
      const life = connection.life;
      guard(isExpired(life, now).not()).orReturn(0);
      const state = stateOf(life);
      const next = nextState(base, state);
      const renewed = lifeOf(now.add(timeoutOf(next)), next);
      const found = atomic(connection, Connection, "life").compareExchange(life, renewed);
      when(found.eq(life), () => {
        when(next.ne(state), () => count(connection.destination, weightOf(next).sub(weightOf(state))));
        returnValue(1);
      });
    });
    return u32(1);
  });

  const nextState = (base: Int<"u32">, state: Int<"u32">): Int<"u32"> =>
    maps.settings.value.transitions.masked(base.or(state)).and(15);
  const timeoutOf = (state: Int<"u32">): Int<"u32"> => maps.settings.value.timeouts.masked(state);

  /**
   * Shows a packet to its connection. Writes only when the state changes or the expiry moves by a second
   * or more. `onGone` runs where the entry was given up between lookup and now.
   */
  const touch = (connection: ConnectionReference, base: Int<"u32">, now: Int<"u32">, onGone: () => void): void => {
    const life = connection.life;
    const state = stateOf(life);
    const next = nextState(base, state);
    const moved = now.add(timeoutOf(next)).sub(life.toU32());
    when(
      next.ne(state).or(moved.ge(maps.settings.value.ticksPerSecond)),
      () => when(renew({ connection, base, now }).eq(0), onGone),
      { isRare: true },
    );
  };

  /** The flow in which the server of `connection`, opened by `flow`, answers. */
  const replyFlow = (flow: FlowReference, connection: ConnectionReference) => ({
    source: connection.address,
    destination: flow.source,
    sourcePort: connection.port,
    destinationPort: flow.sourcePort,
    protocol: flow.protocol,
  });

  /**
   * Ends the connection of a client's flow: claims it, takes the counts down, deletes its entries.
   * With `force` 0 only when its time is up. Returns 1 for the one caller that did it.
   */
  const discard = fn("discard", { flow: FlowKey, now: u32, force: u32 }, u32, ({ flow, now, force }) => {
    const connection = maps.connections.lookup(flow).orReturn(0);
    guard(connection.direction.eq(REQUEST)).orReturn(0);
    const life = connection.life;
    guard(stateOf(life).ne(states.CLAIMED)).orReturn(0);
    guard(force.ne(0).or(isExpired(life, now))).orReturn(0);
    const claimed = lifeOf(now, u32(states.CLAIMED));
    guard(atomic(connection, Connection, "life").compareExchange(life, claimed).eq(life)).orReturn(0);
    count(connection.destination, u64(0).sub(weightOf(stateOf(life))));
    if (hasReplies(shape.methods)) {
      when(connection.hasReplyEntry.ne(0), () => {
        const reply = replyFlow(flow, connection);
        maps.connections.lookup(reply).then((entry) => {
          const leadsHere = entry.address.eq(flow.destination).and(entry.port.eq(flow.destinationPort));
          when(entry.direction.eq(REPLY).and(leadsHere), () => void maps.connections.delete(reply));
        });
      });
    }
    maps.connections.delete(flow);
    return u32(1);
  });

  return { renew, touch, discard, count, nextState, timeoutOf, weightOf, replyFlow };
}

export type ConnectionFunctions = ReturnType<typeof connectionFunctions>;
