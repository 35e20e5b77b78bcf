// What is counted of TCP handshakes, for whoever checks servers: only where a shape asks for it. See Load in schema.ts.

import { atomic, type Bool, type Int, type Reference, u32, when } from "@yardmaster/ebpf";
import { type BalancerMaps, Load } from "./schema.ts";
import { type BalancerShape, hasFeature } from "./shape.ts";
import { HALF_OPEN_STATES, states } from "./tcp-states.ts";

type LoadReference = Reference<typeof Load.fields>;
type Field = "handshakesBegun" | "handshakesDone" | "handshakesRefused" | "synsRepeated";

/** Whether the handshake is not complete in a state. */
export function isHalfOpen(state: Int<"u32">): Bool {
  return u32(HALF_OPEN_STATES).shr(state).and(1).ne(0);
}

/** How one program counts handshakes. */
export function handshakeCounters(maps: BalancerMaps, shape: BalancerShape) {
  const isCounted = hasFeature(shape, "handshakes");
  const count = (load: LoadReference, field: Field) => atomic(load, Load, field).add(1);

  /** A connection was opened in `state`. */
  const opened = (load: LoadReference, state: Int<"u32">): void => {
    if (isCounted) when(isHalfOpen(state), () => count(load, "handshakesBegun"));
  };

  /** A connection goes from one state into another; `isReset`: by a reset of its server. */
  const moved = (load: LoadReference, before: Int<"u32">, after: Int<"u32">, isReset: () => Bool): void => {
    if (!isCounted) return;
    const refused = () => when(isReset(), () => count(load, "handshakesRefused"));
    when(isHalfOpen(before), () => {
      when(after.eq(states.ESTABLISHED), () => count(load, "handshakesDone")).otherwise(refused);
    }).otherwise(() => opened(load, after));
  };

  /** A SYN came of a connection that is known in `state`. */
  const sawSyn = (destination: Int<"u32">, state: Int<"u32">): void => {
    if (!isCounted) return;
    when(isHalfOpen(state), () => void maps.loads.lookup(destination).then((load) => count(load, "synsRepeated")));
  };

  return { opened, moved, sawSyn };
}
