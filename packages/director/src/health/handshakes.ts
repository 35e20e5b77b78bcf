// What clients' handshakes with a server say of it, from what the data plane counts (Load in dataplane/src/schema.ts):
// that nobody answers there, or that it refuses. A hint and no more: a SYN needs no client that exists, so anybody can
// cause it; what it does is to have the server asked sooner (check-run.ts). Pure.

/** What is counted of the handshakes with a server. Each counts up, and begins anew after 2^32. */
export interface Handshakes {
  readonly begun: number;
  readonly done: number;
  /** By its reset. */
  readonly refused: number;
  /** SYNs that came again before it was complete. */
  readonly repeated: number;
}

/** So many SYNs without a handshake that was completed meanwhile are a hint. Fewer get lost, or come from scans. */
export const mostUnanswered = 3;

/**
 * Hints that are heard in a second. Each begins a check now, and checks that begin together delay each other: a flood
 * on thousands of servers must not make answers late.
 */
export const mostHeard = 100;

/** What is known of a server. */
export interface Suspicion {
  /** SYNs since a handshake was completed last. */
  readonly unanswered: number;
  /** Undefined: nothing speaks against it. */
  readonly hint?: string;
}

/** No server is asked for so many connections in a second: the counts are those of another one. */
const IMPOSSIBLE = 2 ** 31;

/** After one more look at the counts. */
export function suspicion(unanswered: number, before: Handshakes, now: Handshakes): Suspicion {
  const since = (field: keyof Handshakes) => (now[field] - before[field]) >>> 0;
  const [begun, done, refused, repeated] = [since("begun"), since("done"), since("refused"), since("repeated")];
  if (Math.max(begun, done, refused, repeated) >= IMPOSSIBLE) return { unanswered: 0 };
  if (refused > 0) return { unanswered: 0, hint: `it refused ${counted(refused, "connection")}` };
  const sum = done > 0 ? 0 : unanswered + begun + repeated;
  if (sum < mostUnanswered) return { unanswered: sum };
  return { unanswered: 0, hint: `${counted(sum, "SYN")} and no handshake completed` };
}

/** Those that are heard, by chance where there are too many; `random` from 0 to 1, 1 excluded. */
export function someOf<Hint>(hints: readonly Hint[], random: number): readonly Hint[] {
  if (hints.length <= mostHeard) return hints;
  const first = Math.floor(random * hints.length);
  return [...hints.slice(first), ...hints.slice(0, first)].slice(0, mostHeard);
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
