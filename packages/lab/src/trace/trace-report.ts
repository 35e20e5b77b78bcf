// What the path of one packet showed, as plain data: a part of the lab's report.
import { checksumProblems } from "@yardmaster/packet";

import type { LabService } from "../layout.ts";
import type { ServerAnswer } from "../traffic-job.ts";
import type { Hop, Sighting } from "./follow.ts";
import { follow } from "./follow.ts";
import { pendingChecksumProblem } from "./pending-checksum.ts";
import type { Change, Endpoint, WireView } from "./wire-view.ts";

/** A packet on one cable. */
export interface HopReport {
  readonly from: string;
  readonly to: string;
  readonly view: WireView;
  /** What `from` changed. */
  readonly changes: readonly Change[];
  /** Wrong lengths and checksums; a checksum that is left to an interface is none, if its half is right. */
  readonly problems: readonly string[];
  /** Whether the checksum was left to an interface (checksum offload). */
  readonly checksumPending: boolean;
}

/** One request and its reply on their way, and what the server saw. */
export interface TraceReport {
  readonly service: string;
  readonly virtual: Endpoint;
  readonly client: Endpoint;
  /** Who answered, and what it took for the client. */
  readonly server: string;
  readonly clientSeen: Endpoint;
  readonly request: readonly HopReport[];
  readonly reply: readonly HopReport[];
  /** The pcapng file with all frames of the connection, where one was written. */
  readonly captureFile?: string;
}

/**
 * The trace of a connection to a service, in what was captured, and what its server answered. Undefined where the
 * request was not seen, or not answered.
 */
export function traceOf(
  { name, address, port }: Pick<LabService, "name" | "address" | "port">,
  sightings: readonly Sighting[],
  answer: ServerAnswer | undefined,
): TraceReport | undefined {
  const virtual = { address, port };
  const trace = follow(sightings, virtual);
  if (trace === undefined || answer === undefined) return undefined;
  const { client, request, reply } = trace;
  const portAt = answer.client.lastIndexOf(":");
  return {
    service: name,
    virtual,
    client,
    server: answer.server,
    clientSeen: { address: answer.client.slice(0, portAt), port: Number(answer.client.slice(portAt + 1)) },
    request: request.map(hopReport),
    reply: reply.map(hopReport),
  };
}

function hopReport({ from, to, view, changes, sightings }: Hop): HopReport {
  const checksumPending = sightings.some((sighting) => sighting.checksumPending);
  const found = sightings.flatMap(({ bytes }) => checksumProblems(bytes));
  const isPending = (layer: string): boolean => checksumPending && (layer === "tcp" || layer === "udp");
  const halves = sightings.flatMap((sighting) => {
    const problem = sighting.checksumPending ? pendingChecksumProblem(sighting.bytes) : undefined;
    return problem ?? [];
  });
  const problems = [...found.filter(({ layer }) => !isPending(layer)).map(({ message }) => message), ...halves];
  return { from, to, view, changes, problems: [...new Set(problems)], checksumPending };
}
