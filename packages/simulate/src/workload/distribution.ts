// How long connections last: constant, exponential or long-tailed, or a mix of several, as one line of text.
import { quoteValue } from "@yardmaster/director/config";
import type { Random } from "@yardmaster/packet";
import { decimalNumber, parseDuration } from "../settings/quantity.ts";
import { badValue } from "../simulation-error.ts";

/** Draws durations in milliseconds, on a server of speed 1. */
export type Distribution = (random: Random) => number;

/** Pareto's exponent unless given: the mean exists, the variance does not, as with sizes of files in the web. */
const DEFAULT_SHAPE = 1.5;
const HINT = 'write such as "exponential 2s", "pareto 2s shape=1.5" or "90% constant 200ms, 10% exponential 1m"';

/** Reads one distribution by its mean, or several with their shares, which must be 100 % together. */
export function parseDistribution(text: string): Distribution {
  const parts = text.split(",").map((part) => parsePart(part.trim()));
  const [first] = parts;
  if (first !== undefined && parts.length === 1 && first.percent === undefined) return first.draw;
  const total = parts.reduce((sum, { percent = 0 }) => sum + percent, 0);
  if (parts.some(({ percent }) => percent === undefined) || Math.abs(total - 100) > 1e-6) {
    throw badValue(`the shares of ${quoteValue(text)} are ${total} % together, not 100 %`, HINT);
  }
  return (random) => {
    let left = uniform(random) * 100;
    const chosen = parts.find(({ percent = 0 }) => (left -= percent) < 0);
    return (chosen ?? parts.at(-1))?.draw(random) ?? 0;
  };
}

interface Part {
  readonly percent: number | undefined;
  readonly draw: Distribution;
}

const PART = /^(?:(\S+)%\s+)?(?:(constant|exponential|pareto)\s+)?(\d\S*)(?:\s+shape=(\S+))?$/;

function parsePart(text: string): Part {
  const [, percent, kind = "constant", mean, shape] = PART.exec(text) ?? [];
  if (mean === undefined || (shape !== undefined && kind !== "pareto")) {
    throw badValue(`${quoteValue(text)} does not say how long connections last`, HINT);
  }
  const meanMs = parseDuration(mean);
  const exponent = shape === undefined ? DEFAULT_SHAPE : decimalNumber("a shape", 1.01, 100)(shape);
  return {
    percent: percent === undefined ? undefined : decimalNumber("a share", 0, 100)(percent),
    draw: draws[kind as keyof typeof draws](meanMs, exponent),
  };
}

const draws = {
  constant: (meanMs: number): Distribution => {
    return () => meanMs;
  },
  exponential: (meanMs: number): Distribution => exponential(meanMs),
  // Inverse transform; the smallest value follows from the mean.
  pareto: (meanMs: number, shape: number): Distribution => {
    const leastMs = (meanMs * (shape - 1)) / shape;
    return (random) => leastMs / (1 - uniform(random)) ** (1 / shape);
  },
};

/** Draws with this mean and no memory: times between arrivals too. */
export function exponential(mean: number): Distribution {
  return (random) => -mean * Math.log(1 - uniform(random));
}

/** 0 to 1, without 1. */
export function uniform(random: Random): number {
  return random.u32() / 2 ** 32;
}
