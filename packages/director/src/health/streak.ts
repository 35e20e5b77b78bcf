// When a server counts as up: the state machine of one check. Pure: answers in, state out.

/** What an exchange said. `unknown`: the director could not ask; it says nothing about the server. */
export type Outcome = "good" | "bad" | "unknown";

/** What is known of a server by one check. */
export interface Streak {
  readonly isUp: boolean;
  /** Answers in a row that speak against `isUp`. */
  readonly against: number;
}

/** Servers begin as up: a director that has just started must not cut off what works. */
export const firstStreak: Streak = { isUp: true, against: 0 };

/** Of a server that a director before this one held for down. */
export const downBefore: Streak = { isUp: false, against: 0 };

/** After one more answer. `rise` good ones in a row bring a server up, `fall` bad ones take it down. */
export function afterAnswer(
  { isUp, against }: Streak,
  outcome: Outcome,
  { rise, fall }: { readonly rise: number; readonly fall: number },
): Streak {
  if (outcome === "unknown") return { isUp, against };
  if ((outcome === "good") === isUp) return { isUp, against: 0 };
  const more = against + 1;
  return more >= (isUp ? fall : rise) ? { isUp: !isUp, against: 0 } : { isUp, against: more };
}
