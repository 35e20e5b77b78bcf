// Who comes how often: clients, and the addresses they ask for. All alike, or a few often and many rarely (Zipf).
import { quoteValue } from "@yardmaster/director/config";
import type { Random } from "@yardmaster/packet";
import { decimalNumber, wholeNumber } from "../settings/quantity.ts";
import { badValue } from "../simulation-error.ts";
import { uniform } from "./distribution.ts";

/** How many there are, and which of them it is this time: 0 is the most popular. */
export interface Popularity {
  readonly count: number;
  readonly draw: (random: Random) => number;
}

/** Reads "1000", "1000 zipf" or "1000 zipf 1.2"; `what` names them: "clients". */
export function parsePopularity(what: string, most: number): (text: string) => Popularity {
  return (text) => {
    const [number = "", kind = "uniform", exponent, ...rest] = text.trim().split(/\s+/);
    const isKnown = kind === "zipf" || (kind === "uniform" && exponent === undefined);
    if (!isKnown || rest.length > 0) {
      const hint = `write how many, and how popular: "1000", "1000 zipf" or "1000 zipf 1.2"`;
      throw badValue(`${quoteValue(text)} does not say which ${what} there are`, hint);
    }
    const count = wholeNumber(`a number of ${what}`, 1, most)(number);
    if (kind === "uniform") return { count, draw: (random) => random.below(count) };
    return zipf(count, exponent === undefined ? 1 : decimalNumber("an exponent", 0.1, 5)(exponent));
  };
}

/** The one of rank n comes with a probability that falls as 1 / n^exponent. */
function zipf(count: number, exponent: number): Popularity {
  const upTo = new Float64Array(count);
  let total = 0;
  for (let rank = 0; rank < count; rank++) {
    total += (rank + 1) ** -exponent;
    upTo[rank] = total;
  }
  const draw = (random: Random): number => {
    const wanted = uniform(random) * total;
    let [low, high] = [0, count - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((upTo[middle] ?? total) > wanted) high = middle;
      else low = middle + 1;
    }
    return low;
  };
  return { count, draw };
}
