// Compares what two directors chose, connection by connection and in sum.
import { servers } from "./layout.ts";

/** wrr begins again after as many connections: the sum of the weights, which have no common divisor. */
const ROUND = servers.reduce((total, { weight }) => total + weight, 0);

/**
 * How many choices IPVS is ahead of Yardmaster: 0 where both chose the same from the first connection on, less than a
 * round where what IPVS chose from there on is what Yardmaster chose from the first on. Otherwise undefined.
 */
export function leadOf(ipvs: readonly string[], yardmaster: readonly string[]): number | undefined {
  const leads = Array.from({ length: ROUND }, (_, lead) => lead);
  return leads.find((lead) => String(ipvs.slice(lead)) === String(yardmaster.slice(0, yardmaster.length - lead)));
}

/** How often each server was chosen, in their order, and last how many connections none took. */
export function shareOf(chosen: readonly string[]): readonly number[] {
  const shares = servers.map(({ name }) => chosen.filter((each) => each === name).length);
  return [...shares, chosen.length - shares.reduce((total, share) => total + share, 0)];
}
