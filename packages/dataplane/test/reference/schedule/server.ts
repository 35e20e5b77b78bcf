// What the reference's schedulers look at. They follow the pseudo-code of the shared behaviour reference §3, over plain
// lists in list order, and know nothing of the programs.

/** A server of one service. */
export interface TwinServer {
  readonly index: number;
  /** The address folded to 32 bits, and the port. */
  readonly fold: number;
  readonly port: number;
  weight: number;
  lastWeight: number;
  active: number;
  inactive: number;
  isOverloaded: boolean;
  /** False once it is removed. */
  isAvailable: boolean;
}

/** A new connection. */
export interface TwinAsk {
  readonly clientFold: number;
  readonly clientPort: number;
  readonly destinationFold: number;
  /** Whatever tells the addresses that clients write to apart. */
  readonly destination: string;
  readonly now: number;
}

export interface TwinFlags {
  readonly port: boolean;
  readonly fallback: boolean;
}

export type Choice = TwinServer | undefined;

export const usable = (d: TwinServer): boolean => d.isAvailable && !d.isOverloaded && d.weight > 0;

/** How costs count an active connection. */
export type CostOf = (d: TwinServer) => bigint;
export const costOf =
  (activeCost: number): CostOf =>
  (d) =>
    BigInt(d.active) * BigInt(activeCost) + BigInt(d.inactive);

/** The first with the least cost for its weight. */
export function leastFor(
  candidates: readonly TwinServer[],
  cost: CostOf,
  weight = (d: TwinServer) => d.weight,
): Choice {
  let best: Choice;
  for (const a of candidates) {
    if (best === undefined || cost(a) * BigInt(weight(best)) < cost(best) * BigInt(weight(a))) best = a;
  }
  return best;
}
