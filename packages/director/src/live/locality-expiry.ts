// When lblc and lblcr forget addresses: IPVS's rule, pure (shared behaviour reference §3; ip_vs_lblc.c).

/** How often each service's addresses are looked at. */
export const CHECK_SECONDS = 60;
/** Every so many looks all of them are, the others only where there are too many. */
const FULL_CHECK = 30;
/** Addresses of one service that are no trouble. */
const USUAL_MOST = 16_384;
/** Of more, those go that nobody has written to for so long … */
const SHORT_IDLE_SECONDS = 360;
/** … but at once not more than this. */
const MOST_AT_ONCE = USUAL_MOST / 2;

/** How far a service is with its looks. */
export interface CheckState {
  /** Looks since the last at all addresses, that one included. */
  readonly checks: number;
}

/** Before the first look. */
export const firstCheck: CheckState = { checks: 1 };

/** What one look comes to. */
export interface CheckResult {
  /** Which of the addresses go. */
  readonly expired: readonly number[];
  readonly next: CheckState;
}

/**
 * One look at the addresses of a service, given how many seconds each has not been written to, and after how many it
 * is forgotten.
 */
export function checkLocalities({ checks }: CheckState, idleSeconds: readonly number[], expiry: number): CheckResult {
  const idleFor = (seconds: number) => [...idleSeconds.keys()].filter((at) => (idleSeconds[at] ?? 0) > seconds);
  if (checks % FULL_CHECK === 0) return { expired: idleFor(expiry), next: firstCheck };
  const surplus = idleSeconds.length - USUAL_MOST;
  if (surplus <= 0) return { expired: [], next: { checks: checks + 1 } };
  const goal = Math.min(Math.floor((surplus * 4) / 3), MOST_AT_ONCE);
  return { expired: idleFor(SHORT_IDLE_SECONDS).slice(0, goal), next: { checks } };
}
