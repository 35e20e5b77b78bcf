// What choosing costs: a new flow for every packet, by each scheduler over 16 servers, and by some over 1 to 1,000.
// Repetitions of all cases are interleaved; what counts is their ratio to rr in the same run.

import { type SchedulerName, schedulerNames } from "@yardmaster/dataplane";
import { withNetworkNamespace } from "@yardmaster/linux";
import { createFeeder, type Feeder } from "./feeder.ts";
import { addNeighbours, network, serverAddresses } from "./network.ts";
import { blankFrame, template } from "./packets.ts";
import { createSubject, type Subject } from "./subject.ts";

/** A new flow by one scheduler over so many servers: nanoseconds of each repetition, without the feeder. */
export interface SchedulerResult {
  readonly scheduler: SchedulerName;
  readonly servers: number;
  readonly netNs: readonly number[];
}

const USUAL_SERVERS = 16;
/** Those whose cost per server is looked at, and those that should not care. */
const GROWING = { schedulers: ["rr", "wlc", "sh", "dh", "mh"], servers: [1, 64, 256, 1000] } as const;
const MOST_SERVERS = 1000;
/** Flows of a repetition; the table holds those of all. */
const FLOWS = 4000;
const TABLE = 1 << 16;

/** Measures in the network namespace `name`. */
export function measureSchedulers(name: string, repetitions: number): SchedulerResult[] {
  addNeighbours(name, MOST_SERVERS);
  using feeder = createFeeder();
  using subjects = new DisposableStack();
  const usual = schedulerNames.map((scheduler) => ({ scheduler, servers: USUAL_SERVERS }));
  const growing = GROWING.schedulers.flatMap((scheduler) => GROWING.servers.map((servers) => ({ scheduler, servers })));
  const cases = [...usual, ...growing].map(({ scheduler, servers }) => {
    const options = { method: "dr", maximumConnections: TABLE, scheduler, servers: serverAddresses(servers) } as const;
    return { scheduler, servers, subject: subjects.use(createSubject(options)), netNs: [] as number[] };
  });
  withNetworkNamespace(name, () => {
    for (let repetition = 0; repetition < repetitions; repetition++) {
      for (const { subject, netNs } of cases) netNs.push(newFlows(feeder, subject, repetition));
    }
  });
  return cases.map(({ scheduler, servers, netNs }) => ({ scheduler, servers, netNs }));
}

/** Nanoseconds that a new flow takes besides the feeder. */
function newFlows(feeder: Feeder, subject: Subject, repetition: number): number {
  const flows = { firstFlow: repetition * FLOWS, flows: FLOWS, order: "created" } as const;
  const value = template("udp", network.serviceAddress, 0, flows);
  const run = () => feeder.program.run({ packet: blankFrame, repeat: FLOWS }).durationNs;
  feeder.load(value, feeder.empty);
  const alone = run();
  feeder.load(value, subject.program);
  return run() - alone;
}
