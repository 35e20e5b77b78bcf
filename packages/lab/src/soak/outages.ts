// Servers that die and come back, one at a time, beside everything else.
import { setTimeout as sleep } from "node:timers/promises";
import type { DirectorStatus } from "@yardmaster/director";
import type { Random } from "@yardmaster/packet";

import { endpointText } from "../addresses.ts";
import { type HostProcess, startHostProcess, waitForLog } from "../host-process.ts";
import { ip } from "../ip-command.ts";
import type { LabNetwork } from "../network.ts";
import { namespaceOf } from "../network.ts";
import { serverNames, switchHost } from "../layout.ts";
import { realServerCommand } from "../servers.ts";
import type { Death, Outage } from "./soak-report.ts";
import { soakCheck, type Wanted } from "./wanted.ts";

const readyTimeoutMs = 60_000;
/**
 * What the director needs to find out (docs/health-checks.md), with something for a machine that has much else to do.
 * One that is killed again and again begins to count anew each time, so that it may never come to the end.
 */
const mostUntilDownMs = {
  reloads: soakCheck.fall * soakCheck.intervalMs + soakCheck.timeoutMs + 6_000,
  everything: 60_000,
} as const;
const mostUntilUpMs = 120_000;
/** How long a server is gone after that. */
const goneMs = 4_000;

/** What outages need. */
export interface OutagesOptions {
  readonly network: LabNetwork;
  readonly folder: string;
  readonly random: Random;
  /** What runs at the moment. */
  readonly wanted: () => Wanted;
  readonly status: () => Promise<DirectorStatus>;
  readonly anomaly: (what: string) => void;
}

/** Kills servers and brings them back. */
export class Outages {
  readonly #options: OutagesOptions;
  readonly #processes: Map<string, HostProcess>;
  readonly all: Outage[] = [];
  /** Endpoints that the director has out at the moment, by its log. */
  readonly #down = new Set<string>();
  #starts = 0;

  /** `servers`: the programs at work, by host. */
  constructor(servers: readonly HostProcess[], options: OutagesOptions) {
    this.#options = options;
    this.#processes = new Map(servers.map((server) => [server.name, server]));
  }

  /** All programs, for the end of the lab. */
  get processes(): readonly HostProcess[] {
    return [...this.#processes.values()];
  }

  /** Whether the director is to be left to find out. */
  get isWaiting(): boolean {
    const last = this.all.at(-1);
    return last?.amid === "reloads" && last.downMs === undefined && last.backMs === undefined;
  }

  /** Reads what the director says of servers. */
  hear(line: string): void {
    const [, endpoint, state] = /: server (\S+) is (down|up again): /.exec(line) ?? [];
    if (endpoint === undefined) return;
    if (state === "down") this.#down.add(endpoint);
    else this.#down.delete(endpoint);
  }

  /** One server dies, is found out, and comes back. Ends when the director has it in again. */
  async one(signal: AbortSignal): Promise<Outage> {
    const { random, anomaly } = this.#options;
    const server = random.pick(serverNames);
    const death: Death = random.chance(0.5) ? "killed" : "cable pulled";
    const amid = random.chance(0.5) ? "reloads" : "everything";
    const outage: Outage = { server, death, amid, fromMs: Date.now() };
    this.all.push(outage);
    await this.#kill(server, death);
    const mostMs = mostUntilDownMs[amid];
    if (await this.#until(mostMs, () => this.#endpointsOf(server).every((one) => this.#down.has(one)))) {
      outage.downMs = Date.now();
      await this.#watch(outage, signal);
    } else if (amid === "reloads") anomaly(`${server} (${death}) was not out after ${mostMs} ms`);
    await this.#bringBack(server, death);
    outage.backMs = Date.now();
    if (await this.#until(mostUntilUpMs, () => this.#endpointsOf(server).every((one) => !this.#down.has(one)))) {
      outage.upMs = Date.now();
    } else anomaly(`${server} was not in again ${mostUntilUpMs} ms after it was back`);
    return outage;
  }

  /** Nobody new may come to it now. */
  async #watch(outage: Outage, signal: AbortSignal): Promise<void> {
    // What was scheduled in the instant before the change is through then.
    await sleep(300);
    const before = await this.#connectionsOf(outage.server);
    await sleep(goneMs, undefined, { signal }).catch(() => undefined);
    const after = await this.#connectionsOf(outage.server);
    let given = 0;
    // A server that left and came counts anew.
    for (const [name, count] of after) given += Math.max(0, count - (before.get(name) ?? count));
    outage.givenWhenDown = given;
  }

  /** Connections that each service has scheduled to a server. */
  async #connectionsOf(host: string): Promise<ReadonlyMap<string, number>> {
    const status = await this.#options.status();
    const own = new Set(this.#serversOf(host).map((server) => endpointText(server)));
    return new Map(
      status.services.flatMap(({ name, servers }) =>
        servers
          .filter((server) => own.has(endpointText(server)))
          .map((server) => [`${name} ${endpointText(server)}`, server.connections] as const),
      ),
    );
  }

  #serversOf(host: string) {
    const { services } = this.#options.wanted();
    return services.flatMap(({ servers }) => servers.filter((server) => server.host === host));
  }

  /** Those that the configuration has: the others are not checked. */
  #endpointsOf(host: string): readonly string[] {
    return this.#serversOf(host)
      .filter(({ isThere }) => isThere)
      .map((server) => endpointText(server));
  }

  async #kill(server: string, death: Death): Promise<void> {
    if (death === "cable pulled") return await this.#setCable(server, "down");
    const running = this.#processes.get(server);
    running?.child.kill("SIGKILL");
    await running?.ended;
  }

  async #bringBack(server: string, death: Death): Promise<void> {
    if (death === "cable pulled") return await this.#setCable(server, "up");
    const { network, folder } = this.#options;
    const started = startHostProcess({
      namespace: namespaceOf(network, server),
      // A log of its own: an old one says "ready" already.
      name: `${server}-${(this.#starts += 1)}`,
      command: realServerCommand(network.layout, server),
      logFolder: folder,
      channel: "messages",
    });
    this.#processes.set(server, started);
    await waitForLog(started, /^ready$/m, { timeoutMs: readyTimeoutMs, signal: undefined });
  }

  /** At the switch: the server's own end keeps its addresses. */
  async #setCable(server: string, state: "up" | "down"): Promise<void> {
    await ip("-n", namespaceOf(this.#options.network, switchHost.name), "link", "set", server, state);
  }

  async #until(timeoutMs: number, isSo: () => boolean): Promise<boolean> {
    for (const deadline = Date.now() + timeoutMs; !isSo(); await sleep(20)) if (Date.now() > deadline) return false;
    return true;
  }
}
