// Entry "@yardmaster/simulate/options": what can be said about a simulation, as words alone. The command line's options
// and the keys of workload files are made from this table; how each is read stands in settings.ts.

/** One thing that can be said, as a text. */
export interface SimulationOption {
  /** What stands for the value in help. */
  readonly argument: string;
  readonly meaning: string;
  /** As a person would write it; absent: nothing, or it follows from others. */
  readonly default?: string;
}

/** All of them by name. */
export const simulationOptions = {
  scheduler: { argument: "names", meaning: "schedulers to compare, separated by commas, or all", default: "all" },
  schedulerOptions: {
    argument: "names",
    meaning: "such as sh-port,mh-port, for those of the schedulers that know them",
  },
  servers: {
    argument: "groups",
    meaning:
      "real servers: weight, upper, lower (what the scheduler is told), speed, workers (connections at once; " +
      "others wait)",
    default: "4x weight=1, 1x weight=4 speed=4",
  },
  rate: { argument: "rate", meaning: "how many connections come", default: "200/s" },
  arrivals: { argument: "kind", meaning: "when they come: poisson or steady", default: "poisson" },
  duration: { argument: "time", meaning: "for how long they come; of a capture all, unless said", default: "60s" },
  connections: {
    argument: "durations",
    meaning: "how long they last on a server of speed 1: constant, exponential, pareto, or a mix with shares in %",
    default: "exponential 2s",
  },
  clients: {
    argument: "number",
    meaning: "client addresses, all alike or by popularity: 1000 zipf 1.2",
    default: "1000",
  },
  destinations: {
    argument: "number",
    meaning: "addresses that the service answers for, as clients; or captured: as a capture has them",
    default: "1",
  },
  protocol: { argument: "protocol", meaning: "tcp or udp", default: "tcp" },
  forwarding: { argument: "method", meaning: "dr or nat", default: "dr" },
  compatibility: { argument: "kind", meaning: "none, or ipvs: to the letter", default: "none" },
  cache: {
    argument: "keys",
    meaning: "what each server remembers: that many destinations (clients, where there is one destination)",
  },
  warmUp: { argument: "time", meaning: "what comes first and is not counted (default: a tenth of the duration)" },
  seed: { argument: "number", meaning: "another one draws other random numbers", default: "1" },
  capture: { argument: "file", meaning: "play the connections of a pcap or pcapng file instead" },
  to: { argument: "address[:port]", meaning: "of a capture, only connections to this address" },
} as const satisfies Readonly<Record<string, SimulationOption>>;

export type OptionName = keyof typeof simulationOptions;

/** What was written, by option. */
export type OptionTexts = { readonly [Name in OptionName]?: string };

/** The names in the order of the table. */
export const optionNames = Object.keys(simulationOptions) as readonly OptionName[];

/** The text that stands for an option: as written, else its default; undefined where there is neither. */
export function textOf(texts: OptionTexts, name: OptionName): string | undefined {
  const option: SimulationOption = simulationOptions[name];
  return texts[name] ?? option.default;
}
