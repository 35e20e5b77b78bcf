// From what was written to what is played: settings read, checked against each other, the workload at hand.
import type { SchedulerName, SchedulerOption } from "@yardmaster/dataplane";
import { type Compatibility, type Forwarding, optionsOf } from "./engine/director.ts";
import type { ServerSpec } from "./settings/servers.ts";
import { type OptionName, optionNames, type OptionTexts, textOf } from "./settings/options.ts";
import { required, valueOf } from "./settings/settings.ts";
import { SimulationError } from "./simulation-error.ts";
import { capturedTarget, type CaptureSelection, readCapture } from "./workload/capture.ts";
import type { Flow, Protocol, Target } from "./workload/flow.ts";
import { generatedTarget, generateFlows, type Generation } from "./workload/generate.ts";

/** What a workload is: the flows that come, and the service that gets them all. */
export interface Workload {
  /** The same flows each time. */
  readonly flows: () => Iterable<Flow>;
  /** About how many. */
  readonly expected: number;
  readonly target: Target;
  readonly durationMs: number;
  readonly destinations: "one" | "many";
  /** Connections of a capture that are left out, because their begin is not in it. */
  readonly withoutBegin: number;
}

/** All that a simulation needs. */
export interface Simulation {
  /** What was written, defaults included. */
  readonly settings: OptionTexts;
  readonly schedulers: readonly SchedulerName[];
  readonly schedulerOptions: readonly SchedulerOption[];
  readonly compatibility: Compatibility;
  readonly servers: readonly ServerSpec[];
  readonly protocol: Protocol;
  readonly forwarding: Forwarding;
  readonly workload: Workload;
  readonly warmUpMs: number;
  /** Keys that each server remembers; undefined: nothing is remembered. */
  readonly cache: number | undefined;
  readonly seed: number;
}

/** So many connections take about two minutes for each scheduler. */
const MOST_CONNECTIONS = 2_000_000;
const GENERATED_ONLY = ["rate", "arrivals", "connections", "clients"] as const satisfies readonly OptionName[];

/**
 * Makes a simulation of what was written; `capture` is the content of the file that `texts.capture` names, if any.
 * Throws SimulationError: YM_SIMULATE_VALUE, YM_SIMULATE_OPTIONS for settings that don't go together,
 * YM_SIMULATE_CAPTURE.
 */
export function prepareSimulation(texts: OptionTexts, capture?: Uint8Array): Simulation {
  const protocol = required(texts, "protocol");
  const workload = capture === undefined ? generated(texts) : captured(texts, protocol, capture);
  const warmUpMs = valueOf(texts, "warmUp") ?? workload.durationMs / 10;
  if (warmUpMs >= workload.durationMs) {
    throw options(`all of the ${workload.durationMs} ms is warm-up: nothing is left to count`, "shorten warmUp");
  }
  return {
    settings: capture === undefined ? inForce(texts, []) : inForce(texts, unsaidByCapture(texts)),
    schedulers: required(texts, "scheduler"),
    schedulerOptions: optionsFor(required(texts, "scheduler"), texts),
    compatibility: required(texts, "compatibility"),
    servers: required(texts, "servers"),
    protocol,
    forwarding: required(texts, "forwarding"),
    workload,
    warmUpMs,
    cache: valueOf(texts, "cache"),
    seed: required(texts, "seed"),
  };
}

/** The schedulers' options as written, each of which at least one of the schedulers must know. */
function optionsFor(schedulers: readonly SchedulerName[], texts: OptionTexts): readonly SchedulerOption[] {
  const written = valueOf(texts, "schedulerOptions") ?? [];
  const unknown = written.find((option) => !schedulers.some((name) => optionsOf(name).includes(option)));
  if (unknown === undefined) return written;
  throw options(`none of the schedulers has the option ${unknown}`, `leave it out, or add ${unknown.slice(0, 2)}`);
}

/** Settings that mean nothing beside a capture, unless they were written. */
function unsaidByCapture(texts: OptionTexts): readonly OptionName[] {
  return ([...GENERATED_ONLY, "duration", "destinations"] as const).filter((name) => texts[name] === undefined);
}

/** The texts with defaults where nothing was written, without those that have no part in it. */
function inForce(texts: OptionTexts, without: readonly OptionName[]): OptionTexts {
  const names = optionNames.filter((name) => !without.includes(name));
  return Object.fromEntries(
    names.flatMap((name) => {
      const text = textOf(texts, name);
      return text === undefined ? [] : [[name, text] as const];
    }),
  );
}

function generated(texts: OptionTexts): Workload {
  const destinations = required(texts, "destinations");
  if (texts.to !== undefined || destinations === "captured") {
    const what = texts.to === undefined ? "destinations: captured" : "to";
    throw options(`${what} says what to take from a capture, and there is none`, "name one with capture");
  }
  const generation: Generation = {
    rate: required(texts, "rate"),
    arrivals: required(texts, "arrivals"),
    durationMs: required(texts, "duration"),
    connections: required(texts, "connections"),
    clients: required(texts, "clients"),
    destinations,
    seed: required(texts, "seed"),
  };
  const { rate, durationMs } = generation;
  const expected = Math.ceil((rate * durationMs) / 1_000);
  if (expected > MOST_CONNECTIONS) {
    throw options(
      `${expected} connections are too many to play`,
      `lower rate or duration: ${MOST_CONNECTIONS} at most`,
    );
  }
  return {
    flows: () => generateFlows(generation),
    expected,
    target: generatedTarget(generation),
    durationMs,
    destinations: destinations.count === 1 ? "one" : "many",
    withoutBegin: 0,
  };
}

function captured(texts: OptionTexts, protocol: Protocol, bytes: Uint8Array): Workload {
  const both = GENERATED_ONLY.find((name) => texts[name] !== undefined);
  if (both !== undefined) throw options(`a capture has its own ${both}`, `leave out ${both}, or capture`);
  const destinations = texts.destinations === undefined ? "one" : required(texts, "destinations");
  if (destinations !== "one" && destinations !== "captured") {
    throw options("a capture has its own destinations", "write destinations: captured, or leave it out");
  }
  const selection: CaptureSelection = { protocol, to: valueOf(texts, "to"), destinations };
  const { flows, durationMs, withoutBegin } = readCapture(bytes, selection);
  const limitMs = texts.duration === undefined ? durationMs : Math.min(durationMs, required(texts, "duration"));
  const played = flows.filter(({ atMs }) => atMs <= limitMs);
  return {
    flows: () => played,
    expected: played.length,
    target: capturedTarget(selection),
    durationMs: limitMs,
    destinations: destinations === "one" ? "one" : "many",
    withoutBegin,
  };
}

function options(message: string, hint: string): SimulationError {
  return new SimulationError("YM_SIMULATE_OPTIONS", message, { hint });
}
