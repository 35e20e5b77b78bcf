// Arithmetic on ticks of the programs' clock, of which only the low 32 bits are known.

/** Ticks from one moment to a later one. */
export function ticksSince(before: number, now: number): number {
  return (now - before) >>> 0;
}
