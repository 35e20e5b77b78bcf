// Drives a service of the simulated network: visits as the lab's traffic program makes them, several at a time, each
// begun when one is over.
import type { LabService } from "../layout.ts";
import { Tally } from "../programs/tally.ts";
import type { TrafficReport } from "../traffic-job.ts";
import { httpVisit } from "./http-visit.ts";
import { udpVisit } from "./udp-visit.ts";
import type { Client, Visit } from "./visit.ts";

const CONCURRENCY = 12;
/** As in the real lab: only one connection at a time leaves wlc's shares to the weights alone. */
const CONCURRENCY_FOR_LEAST_CONNECTION = 1;
const REQUESTS_PER_KEPT_CONNECTION = 5;
const TIMEOUT_MS = 3_000;
/** No connection is opened after so many failed requests: a dead service need not be proven dead 600 times. */
const FAILURE_LIMIT = 24;
const FIRST_LOCAL_PORT = 20_000;
const LOCAL_PORTS = 40_000;

/** A port that no other traffic uses: its connection cannot be taken for an earlier one. */
export const UNUSED_LOCAL_PORT: number = FIRST_LOCAL_PORT + LOCAL_PORTS;

/** What to send: from the local ports behind the first. */
export interface TrafficTarget {
  readonly service: LabService;
  readonly clientAddresses: readonly string[];
  readonly requests: number;
  readonly firstLocalPort?: number;
}

/** Traffic that is under way. */
export interface Traffic {
  /** Whether all visits are over. */
  readonly isDone: () => boolean;
  readonly report: () => TrafficReport;
}

/** Begins to send this many requests to the service, from all the client addresses in turn. */
export function startTraffic(client: Client, target: TrafficTarget): Traffic {
  const tally = new Tally();
  const visits = planVisits(target, tally)[Symbol.iterator]();
  const visit = target.service.protocol === "tcp" ? httpVisit : udpVisit;
  let running = 0;
  const begin = (): void => {
    const next = tally.failures < FAILURE_LIMIT ? visits.next().value : undefined;
    if (next === undefined) return;
    running += 1;
    visit(client, next, () => {
      running -= 1;
      begin();
    });
  };
  const workers = target.service.scheduler === "wlc" ? CONCURRENCY_FOR_LEAST_CONNECTION : CONCURRENCY;
  for (let worker = 0; worker < workers; worker++) begin();
  return { isDone: () => running === 0, report: () => tally.report() };
}

/** One request and several, in turn; each address makes both kinds of visit, two in a row. */
function planVisits(target: TrafficTarget, tally: Tally): readonly Visit[] {
  const { service, clientAddresses, requests: wanted, firstLocalPort = FIRST_LOCAL_PORT } = target;
  const remote = { address: service.address, port: service.port };
  const visits: Visit[] = [];
  for (let left = wanted; left > 0; ) {
    const count = visits.length;
    const requests = Math.min(count % 2 === 0 ? 1 : REQUESTS_PER_KEPT_CONNECTION, left);
    const address = clientAddresses[Math.floor(count / 2) % clientAddresses.length] ?? "";
    const local = { address, port: firstLocalPort + (count % LOCAL_PORTS) };
    visits.push({ local, remote, requests, timeoutMs: TIMEOUT_MS, tally });
    left -= requests;
  }
  return visits;
}
