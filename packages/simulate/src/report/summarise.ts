// From a run's recording to its numbers: how even the load was, how long connections took, what caches held.
import type { SchedulerName } from "@yardmaster/dataplane";
import type { Unforwarded } from "../engine/director.ts";
import type { Recording, ServerRecording } from "../engine/recording.ts";
import type { Simulation } from "../simulation.ts";

/** The mean over time after the warm-up, and the most there ever were after it. */
export interface Level {
  readonly mean: number;
  readonly most: number;
}

/** How long connections took that began after the warm-up, waiting included. */
export interface Times {
  readonly meanMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** One server under one scheduler. */
export interface ServerResult {
  readonly name: string;
  /** Connections that it was given, from the start. */
  readonly connections: number;
  /** Its part of all connections, and the part that its weight stands for; 0 to 1. */
  readonly share: number;
  readonly shareByWeight: number;
  /** As the director counts. */
  readonly active: Level;
  readonly inactive: Level;
  /** As the server itself counts. */
  readonly open: Level;
  readonly took: Times | null;
  /** 0 to 1. */
  readonly hitRate: number | null;
}

/** One scheduler. */
export interface SchedulerResult {
  readonly scheduler: SchedulerName;
  /** Connections that servers were given, and those that none was given. */
  readonly connections: number;
  readonly refused: number;
  /** Connections of which a packet did not go to their server. */
  readonly broken: number;
  /**
   * Load (active connections; of UDP, which is never active, the servers' own count) of a weight of 1 on the busiest
   * server, over that on all servers together: 1 is perfectly even. Samples without any load do not count.
   */
  readonly imbalance: Level | null;
  readonly took: Times | null;
  readonly hitRate: number | null;
  readonly servers: readonly ServerResult[];
  /** Packets that were not forwarded, by reason. */
  readonly unforwarded: readonly Unforwarded[];
  /** Packets played, and instructions of bytecode that the program took for one of them. */
  readonly packets: number;
  readonly instructionsPerPacket: number;
  readonly samples: Samples;
}

/** The course of time: each list of a server has one number for each time. `connections` are all since the start. */
export interface Samples {
  readonly atMs: readonly number[];
  readonly servers: readonly Pick<ServerRecording, "active" | "inactive" | "open" | "connections">[];
}

/** The numbers of one run. */
export function summarise(simulation: Simulation, recording: Recording): SchedulerResult {
  const { scheduler, servers, atMs, lasted, refused, broken, unforwarded, packets, instructions } = recording;
  const from = atMs.findIndex((time) => time >= simulation.warmUpMs);
  const connections = sum(servers.map((server) => server.connections.at(-1) ?? 0));
  return {
    scheduler,
    connections,
    refused,
    broken,
    imbalance: imbalance(simulation, servers, from),
    took: times(lasted.map(({ tookMs }) => tookMs)),
    hitRate: rate(sum(servers.map(({ hits }) => hits)), sum(servers.map(({ lookups }) => lookups))),
    servers: servers.map((_, index) => serverResult(simulation, recording, { index, from, connections })),
    unforwarded,
    packets,
    instructionsPerPacket: Math.round(instructions / Math.max(1, packets)),
    samples: {
      atMs,
      servers: servers.map(({ active, inactive, open, connections: given }) => ({
        active,
        inactive,
        open,
        connections: given,
      })),
    },
  };
}

/** The counts that stand for a server's load. */
export function loadOf(
  protocol: Simulation["protocol"],
  server: Pick<ServerRecording, "active" | "open">,
): readonly number[] {
  return protocol === "tcp" ? server.active : server.open;
}

function serverResult(
  { servers: specs }: Simulation,
  { servers, lasted }: Recording,
  { index, from, connections }: { readonly index: number; readonly from: number; readonly connections: number },
): ServerResult {
  const [spec, record] = [specs[index], servers[index]];
  if (spec === undefined || record === undefined) throw new Error(`there is no server ${index}`);
  const own = record.connections.at(-1) ?? 0;
  return {
    name: spec.name,
    connections: own,
    share: rate(own, connections) ?? 0,
    shareByWeight: rate(spec.weight, sum(specs.map(({ weight }) => weight))) ?? 0,
    active: level(record.active.slice(from)),
    inactive: level(record.inactive.slice(from)),
    open: level(record.open.slice(from)),
    took: times(lasted.filter(({ server }) => server === index).map(({ tookMs }) => tookMs)),
    hitRate: rate(record.hits, record.lookups),
  };
}

function imbalance(
  { servers: specs, protocol }: Simulation,
  servers: readonly ServerRecording[],
  from: number,
): Level | null {
  const weights = specs.map(({ weight }) => weight);
  const loads = servers.map((server) => loadOf(protocol, server).slice(from));
  const ratios = (loads[0] ?? []).flatMap((_, sample) => {
    const now = loads.map((load) => load[sample] ?? 0);
    const all = sum(now.filter((_load, index) => weights[index] !== 0)) / sum(weights);
    const busiest = Math.max(...now.map((load, index) => (weights[index] ? load / weights[index] : 0)));
    return all > 0 ? [busiest / all] : [];
  });
  return ratios.length === 0 ? null : level(ratios);
}

function level(values: readonly number[]): Level {
  return { mean: sum(values) / values.length, most: values.reduce((most, value) => Math.max(most, value), 0) };
}

function times(tookMs: readonly number[]): Times | null {
  if (tookMs.length === 0) return null;
  const sorted = Float64Array.from(tookMs).sort();
  const at = (part: number): number => sorted[Math.ceil(part * sorted.length) - 1] ?? 0;
  return { meanMs: sum(tookMs) / tookMs.length, p50Ms: at(0.5), p99Ms: at(0.99) };
}

function rate(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
