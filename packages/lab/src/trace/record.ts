// Records one connection of a real lab, once everything in it works: one client asks once, every cable is watched.
import { setTimeout as sleep } from "node:timers/promises";

import type { HostProcess } from "../host-process.ts";
import type { LabNetwork } from "../network.ts";
import { driveTraffic } from "../traffic.ts";
import { captureBytes, saveCapture } from "./capture-file.ts";
import { follow } from "./follow.ts";
import { NetworkTap } from "./tap-network.ts";
import { type TraceReport, traceOf } from "./trace-report.ts";

/** So long the end of the connection has to pass; what is judged has passed before. */
const endMs = 30;

/** How to record. */
export interface RecordOptions {
  /** Where the capture file goes; none is written without. */
  readonly captureFolder: string | undefined;
  /** Its name, without ending. */
  readonly name: string;
  readonly signal: AbortSignal | undefined;
}

/** Has the first client ask the layout's first service; undefined when the request was not seen or not answered. */
export async function recordTrace(
  network: LabNetwork,
  client: HostProcess,
  { captureFolder, name, signal }: RecordOptions,
): Promise<TraceReport | undefined> {
  const { services, clientAddresses } = network.layout;
  const [service] = services;
  if (service === undefined) return undefined;
  using tap = new NetworkTap(network);
  const target = { service, clientAddresses: clientAddresses.slice(0, 1), requests: 1 };
  const { firstAnswer } = await driveTraffic(client, target, signal);
  await sleep(endMs);
  const sightings = tap.read();
  const trace = traceOf(service, sightings, firstAnswer);
  if (captureFolder === undefined) return trace;
  const bytes = captureBytes(tap.points, sightings, follow(sightings, service));
  const captureFile = saveCapture(captureFolder, name, bytes);
  return trace === undefined ? undefined : { ...trace, captureFile };
}
