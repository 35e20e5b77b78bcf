// The servers of a simulation as one line of text: "4x weight=1, 1x weight=4 speed=4".
import { quoteValue, suggest } from "@yardmaster/director/config";
import { badValue } from "../simulation-error.ts";
import { decimalNumber, wholeNumber } from "./quantity.ts";

/** A real server: what the scheduler is told of it (its weight), and how it is in truth. */
export interface ServerSpec {
  /** s1, s2 … in list order. */
  readonly name: string;
  readonly weight: number;
  /** How much quicker than a server of speed 1 it is done with a connection. */
  readonly speed: number;
  /** Connections it works on at once; others wait. Infinity: as many as come. */
  readonly workers: number;
  /** The scheduler gives it no more at this many connections, until there are fewer than `lower`. 0: no threshold. */
  readonly upper: number;
  readonly lower: number;
}

type Numbers = Omit<ServerSpec, "name">;

const MOST_SERVERS = 1_000;
const parsers: Readonly<Record<keyof Numbers, (text: string) => number>> = {
  weight: wholeNumber("a weight", 0, 65_535),
  speed: decimalNumber("a speed", 0.001, 1_000),
  workers: wholeNumber("a number of workers", 1, 1_000_000),
  upper: wholeNumber("a threshold", 0, 1_000_000),
  lower: wholeNumber("a threshold", 0, 1_000_000),
};
const HINT = 'write groups of servers such as "4x weight=1, 1x weight=4 speed=4 workers=100"';

/** Reads groups of like servers, separated by commas. Order decides ties, as in a service's list. */
export function parseServers(text: string): readonly ServerSpec[] {
  const groups = text.split(",").map((group) => group.trim());
  const all = groups.flatMap((group) => {
    const match = /^(?:(\d+)\s*x)?\s*(.*)$/.exec(group);
    const count = wholeNumber("a number of servers", 1, MOST_SERVERS)(match?.[1] ?? "1");
    if (group === "") throw badValue("a group of servers is empty", HINT);
    return new Array<Numbers>(count).fill(parseNumbers(match?.[2] ?? ""));
  });
  if (all.length > MOST_SERVERS) throw badValue(`${all.length} servers are too many`, `at most ${MOST_SERVERS}`);
  return all.map((numbers, index) => ({ name: `s${index + 1}`, ...numbers }));
}

function parseNumbers(text: string): Numbers {
  const numbers: Record<keyof Numbers, number> = {
    weight: 1,
    speed: 1,
    workers: Number.POSITIVE_INFINITY,
    upper: 0,
    lower: 0,
  };
  for (const word of text.split(/\s+/).filter((each) => each !== "")) {
    const [key = "", value] = word.split("=");
    if (value === undefined || !isKey(key)) {
      const near = suggest(key, Object.keys(parsers));
      throw badValue(
        `${quoteValue(word)} says nothing of a server`,
        near === undefined ? HINT : `did you mean ${near}=?`,
      );
    }
    numbers[key] = parsers[key](value);
  }
  return numbers;
}

function isKey(word: string): word is keyof Numbers {
  return Object.hasOwn(parsers, word);
}

/** What two servers have in common if they are alike: "weight 4, speed 4". */
export function describeServer({ weight, speed, workers, upper }: Omit<Numbers, "lower">): string {
  const parts = [`weight ${weight}`];
  if (speed !== 1) parts.push(`speed ${speed}`);
  if (Number.isFinite(workers)) parts.push(workers === 1 ? "1 worker" : `${workers} workers`);
  if (upper > 0) parts.push(`at most ${upper}`);
  return parts.join(", ");
}
