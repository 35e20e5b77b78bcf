// Where Yardmaster does not do what the recorded kernel did, and says so: each row stands in docs/decisions/0006. What
// is listed here counts as neither agreement nor failure; anything else in the same vector does.

/** A listed difference. */
export interface KnownDifference {
  /** The places of a replay where it shows, or "set-up" where a setting of the vector cannot be made. */
  readonly places: readonly string[];
  readonly text: string;
}

/** By the name of the packet vector. */
export const knownDifferences: Readonly<Record<string, KnownDifference>> = {
  "dr-ttl-mtu": { places: ["exchange 3"], text: "packets too large for a dr destination are not fragmented" },
  "nat-local": { places: ["exchange 0"], text: "answers of a nat destination on the director itself stay as they are" },
  "tun-gue-fragments": {
    places: ["exchange 0, exchange 1"],
    text: "fragments go through tunnels one by one, not reassembled",
  },
  "tun-ipip-fragments": {
    places: ["exchange 0, exchange 1"],
    text: "fragments go through tunnels one by one, not reassembled",
  },
  "tun-ipip-pmtu": { places: ["exchange 2"], text: "clients are told the MTU that a router tells, at once" },
};
