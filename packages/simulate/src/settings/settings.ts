// How each option of a simulation is read: from the text that a person wrote to the value that is played.
import { type SchedulerName, type SchedulerOption, schedulerOptions, schedulers } from "@yardmaster/dataplane";
import { orList, quoteValue, suggest } from "@yardmaster/director/config";
import { ipv4ToNumber, tryParseAddress } from "@yardmaster/packet";
import { compatibilities, forwardings } from "../engine/director.ts";
import { badValue, SimulationError } from "../simulation-error.ts";
import { parseDistribution } from "../workload/distribution.ts";
import { protocols } from "../workload/flow.ts";
import { arrivals, most } from "../workload/generate.ts";
import { parsePopularity } from "../workload/popularity.ts";
import { type OptionName, type OptionTexts, textOf } from "./options.ts";
import { parseDuration, parseRate, wholeNumber } from "./quantity.ts";
import { parseServers } from "./servers.ts";

/** Readers of the options' texts. Each throws SimulationError YM_SIMULATE_VALUE. */
export const parsers = {
  scheduler: parseSchedulers,
  schedulerOptions: parseSchedulerOptions,
  servers: parseServers,
  rate: parseRate,
  arrivals: oneOf("a kind of arrivals", arrivals),
  duration: parseDuration,
  connections: parseDistribution,
  clients: parsePopularity("clients", most.clients),
  destinations: parseDestinations,
  protocol: oneOf("a protocol", protocols),
  forwarding: oneOf("a forwarding method", forwardings),
  compatibility: oneOf("a compatibility", compatibilities),
  cache: wholeNumber("a size of a cache", 1, 10_000_000),
  warmUp: parseDuration,
  seed: wholeNumber("a seed", 0, 100_000_000),
  capture: (text: string): string => text,
  to: parseEndpoint,
} as const satisfies Readonly<Record<OptionName, (text: string) => unknown>>;

type ValueOf<Name extends OptionName> = ReturnType<(typeof parsers)[Name]>;

/** The value of an option as written, or its default; undefined where there is neither. Errors name the option. */
export function valueOf<Name extends OptionName>(texts: OptionTexts, name: Name): ValueOf<Name> | undefined {
  const text = textOf(texts, name);
  if (text === undefined) return undefined;
  try {
    return parsers[name](text) as ValueOf<Name>;
  } catch (cause) {
    if (!(cause instanceof SimulationError)) throw cause;
    const { code, message, hint } = cause;
    throw new SimulationError(code, `reading ${name}: ${message}`, hint === undefined ? { cause } : { hint, cause });
  }
}

/** The value of an option that has a default. */
export function required<Name extends OptionName>(texts: OptionTexts, name: Name): ValueOf<Name> {
  const value = valueOf(texts, name);
  if (value === undefined) throw new Error(`option ${name} has no default`);
  return value;
}

function oneOf<Word extends string>(what: string, words: readonly Word[]): (text: string) => Word {
  return (text) => {
    const found = words.find((word) => word === text);
    if (found !== undefined) return found;
    throw badValue(`${quoteValue(text)} is not ${what}`, `${what} is ${orList(words)}`);
  };
}

function parseSchedulers(text: string): readonly SchedulerName[] {
  // All that the data plane has, in the order of its registry.
  const known = Object.keys(schedulers) as readonly SchedulerName[];
  const words = text.split(",").map((word) => word.trim());
  if (words.length === 1 && words[0] === "all") return known;
  const names = words.map((word) => {
    const found = known.find((name) => name === word);
    if (found !== undefined) return found;
    const near = suggest(word, known);
    const hint = near === undefined ? `this version has ${orList(known)}` : `did you mean ${near}?`;
    throw badValue(`there is no scheduler ${quoteValue(word)}`, hint);
  });
  return [...new Set(names)];
}

function parseSchedulerOptions(text: string): readonly SchedulerOption[] {
  const known = Object.keys(schedulerOptions) as readonly SchedulerOption[];
  return text.split(",").map((word) => oneOf("an option of a scheduler", known)(word.trim()));
}

function parseDestinations(text: string): "captured" | ReturnType<ReturnType<typeof parsePopularity>> {
  return text === "captured" ? text : parsePopularity("destinations", most.destinations)(text);
}

function parseEndpoint(text: string): { readonly address: number; readonly port: number | undefined } {
  const [address = "", port, ...rest] = text.split(":");
  if (rest.length > 0 || tryParseAddress(address)?.length !== 4) {
    throw badValue(`${quoteValue(text)} is no IPv4 address`, "write such as 198.51.100.10 or 198.51.100.10:80");
  }
  return {
    address: ipv4ToNumber(address),
    port: port === undefined ? undefined : wholeNumber("a port", 1, 65_535)(port),
  };
}
