// What health checks take: 2,000 servers, each asked once a second by HTTP and by TCP, at their own address and through
// the data plane. Servers are nginx in a namespace of its own, whose processor time counts apart; a packet that the
// director sends is taken by the server's stack within the same system call, so some of its work is counted for the
// director here and would not be between two machines. The director runs before everything else on the machine: how
// late checks begin is its own doing.

import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { checkedAddresses, CheckedNetwork, checkedNetwork } from "./checked-network.ts";
import { DirectorProcess } from "./director.ts";

/** How much of it. */
export interface ChecksEffort {
  readonly services: number;
  readonly serversEach: number;
  /** Of each case. */
  readonly forMs: number;
}

/** Two thousand a second, five minutes in all. */
export const CHECKS: ChecksEffort = { services: 20, serversEach: 100, forMs: 75_000 };
/** To see that it works. */
export const FEW_CHECKS: ChecksEffort = { services: 2, serversEach: 50, forMs: 8_000 };

/** One way of checking. */
export interface CheckCase {
  readonly kind: "http" | "tcp";
  readonly via: "vip" | "direct";
  /** Begun in a second, by what the checks themselves say. */
  readonly perSecond: number;
  /** Of the director, of one processor. */
  readonly cpuShare: number;
  /** Of that in the kernel: its network stack, and the servers' where they take what is sent. */
  readonly systemShare: number;
  /** The whole machine's, of one processor: how busy it was besides. */
  readonly machineShare: number;
  /** Milliseconds that checks began after their time: the middle, 99 of 100, 999 of 1,000, the latest. */
  readonly lateMs: readonly [median: number, p99: number, p999: number, latest: number];
  /** How long their answers took, the same. */
  readonly tookMs: readonly [median: number, p99: number, p999: number, latest: number];
  /** Answers among the last ones that were not good, and servers that are down. */
  readonly notGood: number;
  readonly down: number;
  /** Open files and sockets of the director: before, the most that was seen, and when all servers were forgotten. */
  readonly descriptors: readonly [before: number, most: number, after: number];
  readonly residentBytes: number;
}

/** What was measured. */
export interface ChecksMeasured {
  readonly effort: ChecksEffort;
  readonly date: string;
  /** A director without checks, of one processor. */
  readonly idleShare: number;
  readonly cases: readonly CheckCase[];
}

/** Garbage of the start is given back after 15 seconds; checks are spread over their first second. */
const SETTLE_MS = 17_000;
const LOOK_MS = 250;
const PACE = "interval: 1s, timeout: 1s, jitter: 0s, rise: 2, fall: 3";

/** Measures all ways, one after the other, with one director. */
export async function measureChecks(effort: ChecksEffort): Promise<ChecksMeasured> {
  using network = new CheckedNetwork(effort.services * effort.serversEach);
  await network.serve();
  await using director = await DirectorProcess.start(network.director, configuration(effort, ""));
  director.preferIt();
  await sleep(SETTLE_MS);
  const idleShare = (await cpuWhile(director, effort.forMs / 5)).total;
  const cases: CheckCase[] = [];
  for (const kind of ["http", "tcp"] as const) {
    for (const via of ["direct", "vip"] as const) cases.push(await measureCase(director, effort, { kind, via }));
  }
  return { effort, date: new Date().toISOString(), idleShare, cases };
}

type Way = Pick<CheckCase, "kind" | "via">;

async function measureCase(director: DirectorProcess, effort: ChecksEffort, way: Way): Promise<CheckCase> {
  const { client } = director;
  const before = director.descriptors;
  const kind = way.kind === "http" ? "http: { path: / }" : "tcp: {}";
  await client.apply(configuration(effort, `check: { ${kind}, via: ${way.via}, ${PACE} }`));
  await sleep(SETTLE_MS);
  const share = await cpuWhile(director, effort.forMs);
  const { residentBytes } = director;
  const checks = await client.checks();
  await client.apply(configuration(effort, ""));
  await sleep(2000);
  const exchanges = checks.map((check) => check.exchanges);
  const spans = exchanges.map((all) => ((all.at(-1)?.atMs ?? 0) - (all[0]?.atMs ?? 0)) / (all.length - 1));
  return {
    ...way,
    perSecond: spans.reduce((sum, span) => sum + 1000 / span, 0),
    ...{ cpuShare: share.total, systemShare: share.system, machineShare: share.machine },
    lateMs: quantiles(exchanges.flatMap((all) => lateness(all.map(({ atMs }) => atMs)))),
    tookMs: quantiles(exchanges.flatMap((all) => all.map(({ durationMs }) => durationMs))),
    notGood: exchanges.flat().filter(({ outcome }) => outcome !== "good").length,
    down: checks.filter(({ isUp }) => !isUp).length,
    descriptors: [before, share.descriptors, director.descriptors],
    residentBytes,
  };
}

/** A check begins each second; the one that was least late says when in the second. */
function lateness(atMs: readonly number[]): readonly number[] {
  const [first = 0] = atMs;
  const behind = atMs.map((at, number) => at - first - number * 1000);
  const least = Math.min(...behind);
  return behind.map((ms) => ms - least);
}

function quantiles(values: readonly number[]): CheckCase["lateMs"] {
  const sorted = Float64Array.from(values).toSorted();
  const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
  return [at(0.5), at(0.99), at(0.999), at(1)];
}

async function cpuWhile(director: DirectorProcess, forMs: number) {
  const [startedMs, started, machine] = [performance.now(), director.cpuTimesMs, machineMs()];
  let descriptors = 0;
  while (performance.now() - startedMs < forMs) {
    descriptors = Math.max(descriptors, director.descriptors);
    await sleep(LOOK_MS);
  }
  const { user, system } = director.cpuTimesMs;
  const wallMs = performance.now() - startedMs;
  const [inUser, inSystem] = [(user - started.user) / wallMs, (system - started.system) / wallMs];
  return { total: inUser + inSystem, system: inSystem, machine: (machineMs() - machine) / wallMs, descriptors };
}

/** Milliseconds of processor time of everything on this machine: all of `cpu` in proc_stat(5) but idle and iowait. */
function machineMs(): number {
  const [, fields = ""] = /^cpu +(.*)$/m.exec(readFileSync("/proc/stat", "utf8")) ?? [];
  const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0] = fields.split(" ").map(Number);
  return (user + nice + system + irq + softirq) * 10;
}

/** Services with these servers, all by nat, so that both ways of checking have a way back. */
function configuration({ services, serversEach }: ChecksEffort, check: string): string {
  const lines = ["director:", `  interfaces: [${checkedNetwork.front}, ${checkedNetwork.back}]`];
  lines.push("  connections: { maximum: 65536 }", "services:");
  const addresses = checkedAddresses(services * serversEach);
  for (let service = 0; service < services; service++) {
    lines.push(`  s${service}:`, `    address: 198.51.100.${1 + service}`, "    port: 80", "    forwarding: nat");
    if (check !== "") lines.push(`    ${check}`);
    const own = addresses.slice(service * serversEach, (service + 1) * serversEach);
    lines.push("    servers:", ...own.map((address) => `      - { address: ${address}, port: 80 }`));
  }
  return `${lines.join("\n")}\n`;
}
