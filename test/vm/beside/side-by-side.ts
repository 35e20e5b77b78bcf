// Both directors at work: two networks alike, the kernel's IPVS the director of one, `yardmaster run` that of the
// other, and the same traffic through both at the same time.
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient } from "@yardmaster/director";
import {
  ask,
  buildNetwork,
  createLabFolder,
  defaultDirectorCommand,
  type HostProcess,
  labFolder,
  type LabNetwork,
  namespaceOf,
  type RunningDirector,
  startDirector,
  startHostProcess,
  stopHostProcess,
  takeDown,
  waitForLog,
} from "@yardmaster/lab";
import { findLink, listNeighbours, resolveNeighbour, withNetworkNamespace } from "@yardmaster/linux";
import {
  type Case,
  ipvsadmCommands,
  ipvsadmService,
  markCommands,
  serviceName,
  visitsOf,
  yardmasterConfiguration,
} from "./cases.ts";
import { differenceOf } from "./compare.ts";
import { countsIn, countText, ipvsadm, run } from "./ipvs.ts";
import { clientHop, layout, servers } from "./layout.ts";
import { CLOSE, type Listener, type ServerOptions, type VisitJob } from "./visit.ts";

/** Limits that only something broken reaches, also on an emulated machine that others keep busy. */
const READY_LIMIT_MS = 300_000;
const NEIGHBOUR_LIMIT_MS = 60_000;
const SETTLE_LIMIT_MS = 15_000;

/** What one director made of a case. */
export interface Answers {
  /** For each connection, in order, the server that took it, or why none did. */
  readonly chosen: readonly string[];
  /** What the director counts at the end, before what is open is closed: a line for each server. */
  readonly counts: readonly string[];
}

/** Both directors' answers. */
export interface Outcome {
  readonly ipvs: Answers;
  readonly yardmaster: Answers;
}

/** A network, its servers and its client. */
interface Side {
  readonly network: LabNetwork;
  readonly client: HostProcess;
}

type Closing = AsyncDisposableStack;

/** Two networks and their directors, for some cases. */
export class SideBySide implements AsyncDisposable {
  readonly #closing: Closing;
  readonly #ipvs: Side;
  readonly #yardmaster: Side & { readonly director: RunningDirector };

  private constructor(closing: Closing, ipvs: Side, yardmaster: Side & { readonly director: RunningDirector }) {
    this.#closing = closing;
    this.#ipvs = ipvs;
    this.#yardmaster = yardmaster;
  }

  /** Brings everything up for these cases. Whatever fails, nothing stays behind. */
  static async start(cases: readonly Case[]): Promise<SideBySide> {
    if (cases.length === 0) throw new Error("comparing with IPVS: this kernel has none; `npm run test:vm` has one");
    await using closing = new AsyncDisposableStack();
    const lab = createLabFolder();
    closing.defer(() => takeDown(lab));
    const folder = labFolder(lab);
    const ipvs = await startSide(await buildNetwork(layout, `${lab}-ipvs`), { cases, folder, closing });
    const side = await startSide(await buildNetwork(layout, `${lab}-yardmaster`), { cases, folder, closing });
    ipvsadm(directorOf(ipvs), ["--set", "900", "900", "900"]);
    ipvsadm(directorOf(ipvs), ["-R"], ipvsadmCommands(cases));
    run("tc", ["-netns", directorOf(ipvs), "-batch", "-"], markCommands(cases, layout.directorInterfaces[0] ?? ""));
    const config = yardmasterConfiguration(cases, layout.directorInterfaces);
    const director = startDirector(side.network, { command: defaultDirectorCommand, config, folder });
    closing.defer(async () => void (await stopHostProcess(director.process)));
    await waitForLog(director.process, /^ready: /m, { timeoutMs: READY_LIMIT_MS, signal: undefined });
    for (const { network } of [ipvs, side]) await resolveNeighbours(network);
    return new SideBySide(closing.move(), ipvs, { ...side, director });
  }

  /** Sends a case's traffic through both. */
  async run(each: Case): Promise<Outcome> {
    const job: VisitJob = { protocol: each.protocol, visits: visitsOf(each) };
    const both = [this.#ipvs.client, this.#yardmaster.client] as const;
    const visit = async (client: HostProcess) => (await ask(client, { ...job })) as readonly string[];
    const [ipvs, yardmaster] = await Promise.all([visit(both[0]), visit(both[1])]);
    const counts = await this.#settledCounts(each, differenceOf(ipvs, yardmaster) === undefined ? SETTLE_LIMIT_MS : 0);
    await Promise.all(both.map((client) => ask(client, CLOSE)));
    return {
      ipvs: { chosen: ipvs, counts: counts.ipvs },
      yardmaster: { chosen: yardmaster, counts: counts.yardmaster },
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#closing.disposeAsync();
  }

  /** The counts once both agree, or those after some time: the last packets may still be on their way. */
  async #settledCounts(each: Case, limitMs: number): Promise<{ readonly [Key in keyof Outcome]: readonly string[] }> {
    const deadline = Date.now() + limitMs;
    while (true) {
      const counts = { ipvs: this.#ipvsCounts(each), yardmaster: await this.#yardmasterCounts(each) };
      if (String(counts.ipvs) === String(counts.yardmaster) || Date.now() > deadline) return counts;
      await sleep(200);
    }
  }

  #ipvsCounts(each: Case): readonly string[] {
    const listing = ipvsadm(directorOf(this.#ipvs), ["-L", "-n", ...ipvsadmService(each)]);
    return countsIn(listing).toSorted();
  }

  async #yardmasterCounts(each: Case): Promise<readonly string[]> {
    const status = await createClient(this.#yardmaster.director.socketPath, { timeoutMs: READY_LIMIT_MS }).status();
    const service = status.services.find(({ name }) => name === serviceName(each));
    return (service?.servers ?? [])
      .map(({ address, port, activeConnections, inactiveConnections }) =>
        countText(`${address}:${port}`, activeConnections, inactiveConnections),
      )
      .toSorted();
  }
}

function directorOf({ network }: Side): string {
  return namespaceOf(network, "director");
}

interface SideOptions {
  readonly cases: readonly Case[];
  readonly folder: string;
  readonly closing: Closing;
}

/** Starts the servers and the client of a network. */
async function startSide(network: LabNetwork, { cases, folder, closing }: SideOptions): Promise<Side> {
  const start = (host: string, program: string, ...words: readonly string[]): HostProcess => {
    const started = startHostProcess({
      namespace: namespaceOf(network, host),
      name: namespaceOf(network, host),
      command: [process.execPath, join(import.meta.dirname, "programs", program), ...words],
      logFolder: folder,
      channel: "messages",
    });
    closing.defer(async () => void (await stopHostProcess(started)));
    return started;
  };
  const running = servers.map(({ name, address }) => {
    const options: ServerOptions = { name, listeners: listenersOf(cases, address) };
    return start(name, "named-server.ts", JSON.stringify(options));
  });
  const client = start("client", "visiting-client.ts");
  for (const each of [...running, client])
    await waitForLog(each, /^ready$/m, { timeoutMs: READY_LIMIT_MS, signal: undefined });
  return { network, client };
}

/** Where a server answers: for nat on its own address, for dr on the services'. */
function listenersOf(cases: readonly Case[], ownAddress: string): readonly Listener[] {
  return cases.flatMap(({ method, protocol, serverPort, addresses }) =>
    (method === "nat" ? [ownAddress] : addresses).map((address) => ({ protocol, port: serverPort, address })),
  );
}

/** Has a director know its neighbours: the first packet to a server shall not be one that waits for ARP. */
async function resolveNeighbours(network: LabNetwork): Promise<void> {
  const wanted = [["eth0", clientHop] as const, ...servers.map(({ address }) => ["eth1", address] as const)];
  const deadline = Date.now() + NEIGHBOUR_LIMIT_MS;
  const unresolved = (): readonly string[] =>
    withNetworkNamespace(namespaceOf(network, "director"), () => {
      const known = new Set(listNeighbours().flatMap(({ address, mac }) => (mac === undefined ? [] : [address])));
      const missing = wanted.filter(([, address]) => !known.has(address));
      for (const [link, address] of missing) resolveNeighbour(findLink(link)?.index ?? 0, address);
      return missing.map(([, address]) => address);
    });
  for (let missing = unresolved(); missing.length > 0; missing = unresolved()) {
    if (Date.now() > deadline) throw new Error(`resolving the director's neighbours: no answer from ${missing.join()}`);
    await sleep(100);
  }
}
