// Compares what two directors chose, connection by connection and in sum.
import { servers } from "./layout.ts";

/** The index of the first entry (what was chosen for a connection) that differs, or undefined where none does. */
export function differenceOf(ipvs: readonly string[], yardmaster: readonly string[]): number | undefined {
  const at = ipvs.findIndex((name, index) => name !== yardmaster[index]);
  return at < 0 ? undefined : at;
}

/** How often each server was chosen, in their order, and last how many connections none took. */
export function shareOf(chosen: readonly string[]): readonly number[] {
  const shares = servers.map(({ name }) => chosen.filter((each) => each === name).length);
  return [...shares, chosen.length - shares.reduce((total, share) => total + share, 0)];
}

/** Who was chosen at all, in alphabetical order. */
export function chosenAtAll(chosen: readonly string[]): readonly string[] {
  return [...new Set(chosen)].toSorted();
}
