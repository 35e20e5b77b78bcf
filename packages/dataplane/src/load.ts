// The counts of destinations and services: connections by kind, thresholds, caps. They move here and nowhere else, so
// that they equal a recount of the connection table.

import { atomic, type Bool, type Int, type Reference, repeat, u32, u64, when } from "@yardmaster/ebpf";
import { handshakeCounters, isHalfOpen } from "./handshakes.ts";
import { type ConnectionReference, stateOf } from "./life.ts";
import { type BalancerMaps, Load, ServiceLoad } from "./schema.ts";
import { type BalancerShape, hasFeature } from "./shape.ts";
import { ACTIVE_STATES } from "./tcp-states.ts";

/** How often new thresholds are held against the counts, which may be on the move. */
const LOOKS = 3;

type LoadReference = Reference<typeof Load.fields>;

/** What one active and one inactive connection add to the `connections` word of a destination. */
const ONE_ACTIVE = 1n << 32n;
const ONE_INACTIVE = 1n;

/** What a connection in `state` adds to its destination's `connections` word. */
function weightOf(state: Int<"u32">): Int<"u64"> {
  const active = u64(ACTIVE_STATES).shr(state).and(1);
  return active.mul(ONE_ACTIVE - ONE_INACTIVE).add(ONE_INACTIVE);
}

/** Connections of both kinds. */
function total(connections: Int<"u64">): Int<"u32"> {
  return connections.shr(32).toU32().add(connections.toU32());
}

/**
 * How one program counts connections. IPVS moves `overloaded` where the total comes to exactly a threshold. Here it
 * does whenever the total is beyond one, which is the same while one CPU counts: of two that cross a threshold in
 * opposite directions, the later to write may have counted earlier, and the next connection has to put that right.
 */
export function loadCounters(maps: BalancerMaps, shape: BalancerShape) {
  const hasThresholds = hasFeature(shape, "thresholds");
  const handshakes = handshakeCounters(maps, shape);

  /** Adds to the half-open connections of the destination's service. */
  const countHalfOpen = (destination: Int<"u32">, state: Int<"u32">, amount: Int<"u32">): void => {
    if (!hasFeature(shape, "caps")) return;
    when(isHalfOpen(state), () => {
      maps.destinations.lookup(destination).then(({ service }) => {
        maps.serviceLoads.lookup(service).then((load) => atomic(load, ServiceLoad, "halfOpen").add(amount));
      });
    });
  };

  /** A connection begins in `state`: counted before its entry becomes visible, so that counts never go below zero. */
  const bind = (destination: Int<"u32">, state: Int<"u32">): void => {
    maps.loads.lookup(destination).then((load) => {
      if (hasThresholds) {
        const before = atomic(load, Load, "connections").fetchAdd(weightOf(state));
        maps.destinations.lookup(destination).then(({ upperThreshold }) => {
          const isReached = upperThreshold.ne(0).and(total(before).add(1).ge(upperThreshold));
          when(isReached, () => (load.overloaded = u32(1)), { isRare: true });
        });
      } else atomic(load, Load, "connections").add(weightOf(state));
    });
    countHalfOpen(destination, state, u32(1));
  };

  /** A connection in `state` ends. */
  const unbind = (destination: Int<"u32">, state: Int<"u32">): void => {
    maps.loads.lookup(destination).then((load) => release(load, destination, state));
    countHalfOpen(destination, state, u32(0xffff_ffff));
  };

  const release = (load: LoadReference, destination: Int<"u32">, state: Int<"u32">): void => {
    const amount = u64(0).sub(weightOf(state));
    if (!hasThresholds) {
      atomic(load, Load, "connections").add(amount);
      return;
    }
    const before = atomic(load, Load, "connections").fetchAdd(amount);
    maps.destinations.lookup(destination).then(({ lowerThreshold }) => {
      when(total(before).le(lowerThreshold), () => (load.overloaded = u32(0)), { isRare: true });
    });
  };

  /** A connection goes from one state into another; `isReset`: by a reset of its server. */
  const move = (destination: Int<"u32">, before: Int<"u32">, after: Int<"u32">, isReset: () => Bool): void => {
    maps.loads.lookup(destination).then((load) => {
      atomic(load, Load, "connections").add(weightOf(after).sub(weightOf(before)));
      handshakes.moved(load, before, after, isReset);
    });
    countHalfOpen(destination, before, u32(0xffff_ffff));
    countHalfOpen(destination, after, u32(1));
  };

  /** A connection was scheduled to its destination: counted once it is in the table. */
  const scheduled = ({ destination, life }: ConnectionReference): void => {
    maps.loads.lookup(destination).then((load) => {
      atomic(load, Load, "scheduled").add(1);
      handshakes.opened(load, stateOf(life));
    });
  };

  /**
   * The thresholds of a destination were changed: whether it is overloaded now follows from its connections, where they
   * say so. Looks again while they change.
   */
  const reconsider = (destination: Int<"u32">): void => {
    maps.destinations.lookup(destination).then(({ upperThreshold: upper, lowerThreshold: lower }) => {
      maps.loads.lookup(destination).then((load) => {
        repeat(LOOKS, () => {
          const connections = total(load.connections);
          when(upper.eq(0).or(connections.lt(lower)), () => (load.overloaded = u32(0)));
          when(upper.ne(0).and(connections.ge(upper)), () => (load.overloaded = u32(1)));
        });
      });
    });
  };

  return { bind, unbind, move, scheduled, sawSyn: handshakes.sawSyn, reconsider };
}

export type LoadCounters = ReturnType<typeof loadCounters>;
