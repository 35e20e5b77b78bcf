// What a connection table of millions costs: an established packet among 10,000 to 2 million connections held at once,
// and the end of a million whose time is up.

import { states } from "@yardmaster/dataplane";
import { reap } from "@yardmaster/director/simulation";
import { withNetworkNamespace } from "@yardmaster/linux";
import { createFeeder, type Feeder } from "./feeder.ts";
import { network } from "./network.ts";
import { blankFrame, template } from "./packets.ts";
import { createSubject, type Subject } from "./subject.ts";

/** A packet of one of so many connections, each in its turn, shuffled: nanoseconds of each repetition. */
export interface HeldResult {
  readonly connections: number;
  readonly netNs: readonly number[];
}

/** The reaper's walk over a table whose connections have all expired. */
export interface ReapResult {
  readonly connections: number;
  readonly ended: number;
  readonly cpuMs: number;
  /** The most processor time between two places where the event loop has its turn. */
  readonly longestStepMs: number;
}

export interface TableSizeResult {
  readonly held: readonly HeldResult[];
  readonly reaping: ReapResult;
}

const SIZES = [10_000, 100_000, 1_000_000, 2_000_000] as const;
const EXPIRING = 1_000_000;
/** Flows of one run of the feeder. */
const CHUNK = 500_000;
const PACKETS = 500_000;

/** Measures in the network namespace `name`. */
export function measureTableSize(name: string, repetitions: number): TableSizeResult {
  using feeder = createFeeder();
  const held = withNetworkNamespace(name, () => holdMany(feeder, repetitions));
  const reaping = withNetworkNamespace(name, () => endMany(feeder));
  return { held, reaping };
}

function holdMany(feeder: Feeder, repetitions: number): HeldResult[] {
  using subject = createSubject({ method: "dr", maximumConnections: SIZES.at(-1) as number });
  let opened = 0;
  return SIZES.map((connections) => {
    open(feeder, subject, opened, connections);
    opened = connections;
    const netNs = Array.from({ length: repetitions }, () => established(feeder, subject, connections));
    return { connections, netNs };
  });
}

/** Opens the flows from `from` to `to`. */
function open(feeder: Feeder, subject: Subject, from: number, to: number): void {
  for (let first = from; first < to; first += CHUNK) {
    const flows = Math.min(CHUNK, to - first);
    feeder.load(
      template("udp", network.serviceAddress, 0, { firstFlow: first, flows, order: "created" }),
      subject.program,
    );
    feeder.program.run({ packet: blankFrame, repeat: flows });
  }
}

function established(feeder: Feeder, subject: Subject, connections: number): number {
  const value = template("udp", network.serviceAddress, 0, { firstFlow: 0, flows: connections, order: "shuffled" });
  const run = () => feeder.program.run({ packet: blankFrame, repeat: PACKETS }).durationNs;
  feeder.load(value, feeder.empty);
  const alone = run();
  feeder.load(value, subject.program);
  return run() - alone;
}

function endMany(feeder: Feeder): ReapResult {
  using subject = createSubject({ method: "dr", maximumConnections: EXPIRING });
  const { settings } = subject.maps;
  const content = settings.lookup(0);
  if (content === undefined) throw new Error("reading the settings: there are none");
  settings.update(0, {
    ...content,
    timeouts: content.timeouts.map((ticks, state) => (state === states.UDP ? 1 : ticks)),
  });
  open(feeder, subject, 0, EXPIRING);
  // All are past their one tick: whatever the clock says now, it is later than any expiry.
  const expiries = [...subject.maps.ipv4.connections.entries()].slice(0, 1);
  const sample = Number((expiries[0]?.[1].life ?? 0n) & 0xffff_ffffn);
  const later = (sample + 3600 * subject.ticksPerSecond) >>> 0;
  const before = process.threadCpuUsage();
  const walk = reap(subject, () => later);
  let longestStepMs = 0;
  for (;;) {
    const start = process.threadCpuUsage();
    const step = walk.next();
    const used = process.threadCpuUsage(start);
    longestStepMs = Math.max(longestStepMs, (used.user + used.system) / 1000);
    if (step.done !== true) continue;
    const { user, system } = process.threadCpuUsage(before);
    return { connections: EXPIRING, ended: step.value.ended, cpuMs: (user + system) / 1000, longestStepMs };
  }
}
