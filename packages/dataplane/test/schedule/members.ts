// Lists of members for tests of schedulers.

import type { ListedMember } from "../../src/index.ts";

/** Members of these weights, in list order, with indexes from 0 and addresses from 10.2.0.11 on. */
export function membersOf(weights: readonly number[]): ListedMember[] {
  return weights.map((weight, index) => memberOf(index, weight));
}

/** The server of an index: 10.2.0.11:80 for 0. */
export function memberOf(index: number, weight = 1): ListedMember {
  return { destination: index, weight, lastWeight: weight, addressFold: 0x0a02_000b + index, port: 80 };
}
