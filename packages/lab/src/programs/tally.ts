// Counts what came of requests and visits, for the traffic program's report.
import type { ServerAnswer, TrafficReport } from "../traffic-job.ts";

const foreignAddressesKept = 5;

/** The running count of one job. */
export class Tally {
  #connections = 0;
  #sent = 0;
  #moved = 0;
  #ownAddressSeen = 0;
  #firstAnswer: ServerAnswer | undefined;
  readonly #latenciesMs: number[] = [];
  readonly #failures = new Map<string, number>();
  readonly #requestsByServer = new Map<string, number>();
  readonly #connectionsByServer = new Map<string, number>();
  readonly #serversByClient = new Map<string, Set<string>>();
  readonly #foreignAddresses = new Set<string>();

  /** How many requests came to nothing so far. */
  get failures(): number {
    return [...this.#failures.values()].reduce((sum, count) => sum + count, 0);
  }

  /** A request goes out. */
  sent(): void {
    this.#sent += 1;
  }

  /** A request came to nothing. */
  failed(cause: string): void {
    increment(this.#failures, cause);
  }

  /** A request from `own` ("address:port") was answered. */
  answered(answer: ServerAnswer, own: string, latencyMs: number): void {
    this.#firstAnswer ??= answer;
    this.#latenciesMs.push(latencyMs);
    increment(this.#requestsByServer, answer.server);
    if (answer.client === own) this.#ownAddressSeen += 1;
    else if (this.#foreignAddresses.size < foreignAddressesKept) this.#foreignAddresses.add(answer.client);
    const clientAddress = own.slice(0, own.lastIndexOf(":"));
    const servers = this.#serversByClient.get(clientAddress) ?? new Set();
    this.#serversByClient.set(clientAddress, servers.add(answer.server));
  }

  /** A visit is over; these servers answered, in order. */
  visited(servers: readonly string[]): void {
    this.#connections += 1;
    const first = servers[0];
    if (first === undefined) return;
    increment(this.#connectionsByServer, first);
    if (servers.some((server) => server !== first)) this.#moved += 1;
  }

  /** The report so far. */
  report(): TrafficReport {
    const sorted = this.#latenciesMs.toSorted((a, b) => a - b);
    const percentile = (share: number): number => {
      const value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
      return Math.round(value * 100) / 100;
    };
    return {
      connections: this.#connections,
      sent: this.#sent,
      answered: sorted.length,
      failures: Object.fromEntries(this.#failures),
      requestsByServer: Object.fromEntries(this.#requestsByServer),
      connectionsByServer: Object.fromEntries(this.#connectionsByServer),
      connectionsThatMoved: this.#moved,
      ownAddressSeen: this.#ownAddressSeen,
      foreignAddressesSeen: [...this.#foreignAddresses],
      serversByClient: Object.fromEntries([...this.#serversByClient].map(([client, set]) => [client, [...set].sort()])),
      ...(this.#firstAnswer === undefined ? {} : { firstAnswer: this.#firstAnswer }),
      latencyMs: { p50: percentile(0.5), p90: percentile(0.9), p99: percentile(0.99), max: percentile(1) },
    };
  }
}

function increment(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
