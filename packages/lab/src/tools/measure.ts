// The clients of the scenario `tools`: curl, iperf3 and a resolver on the client's host, asking as people do.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";

import { endpointText } from "../addresses.ts";
import { programCommand } from "../host-process.ts";
import { throwIfInterrupted } from "../lab-error.ts";
import type { LabService } from "../layout.ts";
import type { LabNetwork } from "../network.ts";
import { namespaceOf } from "../network.ts";
import type { NameAnswer } from "../programs/ask-names.ts";
import type { ToolServer } from "./servers.ts";
import type { BulkTransfer, ToolRequests, ToolsMeasurement } from "./tools-report.ts";

const run = promisify(execFile);
const requests = 30;
const bulkSeconds = 1;

/** Where the clients are and what servers there are. */
export interface ToolsSite {
  readonly network: LabNetwork;
  readonly servers: readonly ToolServer[];
  readonly signal: AbortSignal | undefined;
}

/** Asks all services. */
export async function measureTools(site: ToolsSite): Promise<ToolsMeasurement> {
  const service = (name: string): LabService => {
    const found = site.network.layout.services.find((each) => each.name === name);
    if (found === undefined) throw new Error(`measuring tools: the layout has no service "${name}"`);
    return found;
  };
  const web = await askWeb(site, service("nginx"));
  const names = await askNames(site, service("dnsmasq"));
  const bulk: BulkTransfer[] = [];
  for (const direction of ["to the server", "from the server"] as const) {
    throwIfInterrupted(site.signal);
    bulk.push(await transfer(site, service("iperf3"), direction));
  }
  return { web, names, bulk };
}

async function runAtClient(site: ToolsSite, command: readonly string[]): Promise<string> {
  throwIfInterrupted(site.signal);
  const { stdout } = await run("ip", ["netns", "exec", namespaceOf(site.network, "client"), ...command]);
  return stdout;
}

/** From the client's addresses in turn, one connection a request. */
async function askWeb(site: ToolsSite, service: LabService): Promise<ToolRequests> {
  const { clientAddresses } = site.network.layout;
  const servers: string[] = [];
  const failures = new Set<string>();
  for (let index = 0; index < requests; index += 1) {
    const address = clientAddresses[index % clientAddresses.length] ?? "";
    const options = ["--silent", "--show-error", "--fail", "--max-time", "5", "--interface", address];
    try {
      const answer = await runAtClient(site, ["curl", ...options, `http://${endpointText(service)}/`]);
      servers.push(answer.trim());
    } catch (error) {
      throwIfInterrupted(site.signal);
      failures.add(wordsOf(error));
    }
  }
  // 203.0.113.10 - - [28/Nov/2026:03:00:00 +0000] "GET / HTTP/1.1" 200 8 "-" "curl/7.88.1"
  return {
    asked: requests,
    ...answersOf(servers),
    failures: [...failures],
    ...logsOf(site, "nginx", /^(\S+) - .*"GET /),
  };
}

async function askNames(site: ToolsSite, service: LabService): Promise<ToolRequests> {
  const { clientAddresses } = site.network.layout;
  const job = JSON.stringify({ server: endpointText(service), clientAddresses, requests });
  const answers = JSON.parse(await runAtClient(site, programCommand("ask-names", job))) as readonly NameAnswer[];
  const servers = answers.flatMap(({ server }) => server ?? []);
  const failures = [...new Set(answers.flatMap(({ failure }) => failure ?? []))];
  // dnsmasq: query[TXT] server.yardmaster.test from 203.0.113.10
  return {
    asked: requests,
    ...answersOf(servers),
    failures,
    ...logsOf(site, "dnsmasq", /query\[TXT\] \S+ from (\S+)/),
  };
}

async function transfer(
  site: ToolsSite,
  { address, port }: LabService,
  direction: BulkTransfer["direction"],
): Promise<BulkTransfer> {
  const [from = ""] = site.network.layout.clientAddresses;
  const where = ["--client", address, "--port", String(port), "--bind", from];
  const how = ["--time", String(bulkSeconds), "--json", ...(direction === "from the server" ? ["--reverse"] : [])];
  try {
    const { end } = JSON.parse(await runAtClient(site, ["iperf3", ...where, ...how])) as IperfReport;
    const { bits_per_second: bitsPerSecond, bytes } = end.sum_received;
    return { direction, bitsPerSecond, bytes };
  } catch (error) {
    throwIfInterrupted(site.signal);
    return { direction, bitsPerSecond: 0, bytes: 0, failure: wordsOf(error) };
  }
}

/** What is read of iperf3's JSON. */
interface IperfReport {
  readonly end: { readonly sum_received: { readonly bits_per_second: number; readonly bytes: number } };
}

function wordsOf(error: unknown): string {
  const { stderr = "", stdout = "", message } = error as Error & { readonly stderr?: string; readonly stdout?: string };
  // iperf3 says it in its JSON.
  return stderr.trim() || /"error":\s*"([^"]*)"/.exec(stdout)?.[1] || message;
}

function answersOf(servers: readonly string[]): Pick<ToolRequests, "answered" | "byServer"> {
  const byServer: Record<string, number> = {};
  for (const server of servers) byServer[server] = (byServer[server] ?? 0) + 1;
  return { answered: servers.length, byServer };
}

/** What the servers of a kind have logged; the pattern finds the address in a line about a request. */
function logsOf({ network, servers }: ToolsSite, name: string, pattern: RegExp) {
  const lines = servers
    .filter(({ service }) => service.name === name)
    .flatMap(({ requestLog }) => readFileSync(requestLog, "utf8").split("\n"))
    .flatMap((line) => {
      const address = pattern.exec(line)?.[1];
      return address === undefined ? [] : [{ line, address }];
    });
  const [first] = lines;
  return {
    logged: lines.length,
    loggedAsClient: lines.filter(({ address }) => network.layout.clientAddresses.includes(address)).length,
    ...(first === undefined ? {} : { logLine: first.line }),
  };
}
