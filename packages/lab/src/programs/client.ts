// The traffic program on the lab's client host: does the jobs it is sent, one at a time, and reports on each.
// A job is a row of visits: one connection or flow each, some with one request, some with several.
import type { TrafficJob, TrafficReport } from "../traffic-job.ts";
import { httpVisit } from "./http-visit.ts";
import { Tally } from "./tally.ts";
import { udpVisit } from "./udp-visit.ts";
import type { Visit } from "./visit.ts";

const firstLocalPort = 20_000;
const localPorts = 40_000;

/** Splits the job's requests into visits: one request and several, in turn; the client addresses in turn too. */
function planVisits(job: TrafficJob, tally: Tally): readonly Visit[] {
  const visits: Visit[] = [];
  for (let left = job.requests; left > 0; ) {
    const wanted = visits.length % 2 === 0 ? 1 : job.requestsPerKeptConnection;
    const requests = Math.min(wanted, left);
    // Each address gets both kinds of visit: two in a row.
    const localAddress = job.clientAddresses[Math.floor(visits.length / 2) % job.clientAddresses.length] ?? "";
    const localPort = firstLocalPort + (visits.length % localPorts);
    visits.push({ job, localAddress, localPort, requests, tally });
    left -= requests;
  }
  return visits;
}

async function run(job: TrafficJob): Promise<TrafficReport> {
  const tally = new Tally();
  const visits = planVisits(job, tally)[Symbol.iterator]();
  const visit = job.protocol === "tcp" ? httpVisit : udpVisit;
  const worker = async (): Promise<void> => {
    for (const each of visits) {
      if (tally.failures >= job.failureLimit) break;
      await visit(each);
    }
  };
  await Promise.all(Array.from({ length: job.concurrency }, worker));
  return tally.report();
}

process.on("message", (job: TrafficJob) => {
  void run(job).then((report) => process.send?.(report));
});
process.on("disconnect", () => process.exit(0));
process.stdout.write("ready\n");
