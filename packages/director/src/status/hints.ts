// What probably keeps services from working, for status: what the methods ask of the network and does not find now, and
// what the traffic itself shows. Each hint has its evidence and the command that mends it. Reading changes nothing.
import { withRouteSocket } from "@yardmaster/linux";
import { familyOf, endpointText } from "../address.ts";
import type { ConnectionRow, DestinationStatus, Hint, ServiceStatus } from "../api/types.ts";
import type { Finding, Subject } from "../checks/check.ts";
import type { Network } from "../checks/network.ts";
import { realServerUp } from "../checks/real-server-command.ts";
import { checkRequirements } from "../checks/registry.ts";
import { familyOfMatch, protocolsOf } from "../live/service.ts";
import type { DirectorSettings } from "../model/configuration.ts";
import { prefixesOf } from "../model/virtual-service.ts";
import { TABLE_ADVICE, type TableFill } from "./table-watch.ts";

/** What hints are drawn from. */
export interface Observed {
  readonly services: readonly ServiceStatus[];
  /** Some of the connections, see `sampleSize`. */
  readonly connections: readonly ConnectionRow[];
  /** The connection table; `isFull`: packets were dropped lately for want of room. */
  readonly table?: TableFill & { readonly isFull: boolean };
}

/** Connections that are looked at for one answer: enough to see whether any goes on. */
export const sampleSize = 4096;
/** Fewer packets or connections than these say nothing yet. */
const FEWEST = 3;
/** A pool that is filled to this share is told of. */
const FULL = 0.9;
/** The network is read again when it was read so long ago. */
const REFRESH_MS = 5_000;
/** And a millisecond later for each server beyond these: looking for many takes seconds of a processor. */
const FEW_SERVERS = 1_000;
/** Traffic is compared with what it was so long ago, and not with a moment ago: answers take a while. */
const WINDOW_MS = { shortest: 2_000, longest: 10_000 } as const;

type Findings = readonly Finding[];

/** Keeps what hints need between two answers. */
export class Hints {
  readonly #settings: Pick<DirectorSettings, "interfaces">;
  readonly #openNetwork: () => Network;
  /** With what was found in it, by server: looking takes a while where there are many. */
  #network: { readonly network: Network; readonly readAtMs: number; readonly found: Map<string, Findings> } | undefined;
  #traffic: { readonly atMs: number; readonly packets: PacketCounts } | undefined;

  /** `openNetwork` reads this machine's network anew; where that fails there are only hints from the traffic. */
  constructor(settings: Pick<DirectorSettings, "interfaces">, openNetwork: () => Network) {
    this.#settings = settings;
    this.#openNetwork = openNetwork;
  }

  /** The hints of this moment, in the order of the services. `nowMs` is any clock that does not go back. */
  read(observed: Observed, nowMs: number): readonly Hint[] {
    return [...this.eachService(observed, nowMs)].flat();
  }

  /** The same service by service: many of them take a while. */
  *eachService({ services, connections, table }: Observed, nowMs: number): Generator<readonly Hint[], void> {
    const network = this.#currentNetwork(nowMs, services);
    const { before, now } = this.#packetsBefore(nowMs);
    const states = statesOf(connections);
    const told = new Set<string>();
    const ofTable = table === undefined ? [] : tableFilling(table);
    const hintsOf = (service: ServiceStatus): readonly Hint[] =>
      service.servers.flatMap((server) =>
        [
          ...ofTable,
          ...this.#networkFindings(service, server),
          ...trafficFindings({ service, server, before, states, network }),
        ]
          .filter(({ message }) => !told.has(message) && told.add(message))
          .map((finding) => toHint(service, server, finding)),
      );
    for (const service of services) {
      yield withRouteSocket(() => hintsOf(service));
      if (now !== undefined) rememberPackets(now, service);
    }
  }

  #networkFindings(service: ServiceStatus, server: DestinationStatus): Findings {
    if (this.#network === undefined) return [];
    const { network, found } = this.#network;
    const name = `${nameOf(service, server)} ${server.forwarding}`;
    const known = found.get(name) ?? checkRequirements(this.#subject(service, server), network);
    found.set(name, known);
    return known;
  }

  /** `now`: to be filled with what has come by now. */
  #packetsBefore(nowMs: number): { readonly before: PacketCounts | undefined; readonly now: PacketCounts | undefined } {
    const former = this.#traffic;
    const ageMs = former === undefined ? WINDOW_MS.longest : nowMs - former.atMs;
    const now: PacketCounts | undefined = ageMs >= WINDOW_MS.longest ? new Map() : undefined;
    if (now !== undefined) this.#traffic = { atMs: nowMs, packets: now };
    return { before: ageMs >= WINDOW_MS.shortest ? former?.packets : undefined, now };
  }

  #currentNetwork(nowMs: number, services: readonly ServiceStatus[]): Network | undefined {
    const servers = services.reduce((sum, service) => sum + service.servers.length, 0);
    const refreshMs = REFRESH_MS + Math.max(0, servers - FEW_SERVERS);
    if (this.#network !== undefined && nowMs - this.#network.readAtMs < refreshMs) return this.#network.network;
    try {
      this.#network = { network: this.#openNetwork(), readAtMs: nowMs, found: new Map() };
    } catch {
      this.#network = undefined;
    }
    return this.#network?.network;
  }

  #subject({ match, localAddresses = [] }: ServiceStatus, server: DestinationStatus): Subject {
    return {
      interfaces: this.#settings.interfaces,
      forwarding: server.forwarding,
      server: server.address,
      family: familyOfMatch(match),
      virtual: prefixesOf(match).flatMap(singleAddress),
      protocols: protocolsOf(match),
      encapsulation: server.encapsulation,
      localAddresses: localAddresses.filter((address) => familyOf(address) === familyOf(server.address)),
    };
  }
}

/** An address without the length of the prefix that is one. */
function singleAddress(prefix: string): readonly string[] {
  const [address = "", length] = prefix.split("/");
  return length === undefined || length === (address.includes(":") ? "128" : "32") ? [address] : [];
}

interface Packets {
  readonly packetsIn: number;
  readonly packetsOut: number;
}

type PacketCounts = Map<string, Packets>;

function rememberPackets(counts: PacketCounts, service: ServiceStatus): void {
  for (const { packetsIn, packetsOut = 0, ...server } of service.servers) {
    counts.set(nameOf(service, server), { packetsIn, packetsOut });
  }
}

/** How many connections of a server have had a SYN only, and how many are further. */
interface States {
  readonly opening: number;
  readonly others: number;
}

/** By service and server, so that it is not looked for among all of them for each. */
function statesOf(connections: readonly ConnectionRow[]): ReadonlyMap<string, States> {
  const states = new Map<string, States>();
  for (const { kind, service, destination, state } of connections) {
    if (kind !== "connection") continue;
    const name = `${service} ${destination}`;
    const { opening, others } = states.get(name) ?? { opening: 0, others: 0 };
    const isOpening = state === "SYN_RECV";
    states.set(name, { opening: opening + Number(isOpening), others: others + Number(!isOpening) });
  }
  return states;
}

type Named = Pick<DestinationStatus, "address" | "port">;
const nameOf = ({ name }: ServiceStatus, { address, port }: Named) => `${name} ${endpointText(address, port)}`;

/** A server, and what its traffic is judged by. */
interface Traffic {
  /** Of its connections among those that were looked at. */
  readonly states: ReadonlyMap<string, States>;
  readonly service: ServiceStatus;
  readonly server: DestinationStatus;
  readonly before: PacketCounts | undefined;
  readonly network: Network | undefined;
}

function trafficFindings(traffic: Traffic): readonly Finding[] {
  return [...poolFilling(traffic), ...answersMissing(traffic)];
}

/**
 * Connections have no room. It is the director's, so it is told with the first server, as all that is the machine's.
 */
function tableFilling({ entries, maximum, refused, isFull }: TableFill & { isFull: boolean }): readonly Finding[] {
  if (!isFull && entries < FULL * maximum) return [];
  return [
    {
      severity: isFull ? "error" : "warning",
      code: "YM_STATUS_TABLE_FULL",
      message: isFull
        ? "the connection table is full: packets that would open a connection are dropped"
        : "the connection table is nearly full: then packets that would open a connection are dropped",
      evidence: `${entries} of ${maximum} entries are taken, ${refused} packets were dropped (tableFull)`,
      hint: TABLE_ADVICE,
    },
  ];
}

/** Ports of full NAT's local addresses run out. */
function poolFilling({ server: { address, port, localPorts } }: Traffic): readonly Finding[] {
  if (localPorts === undefined || localPorts.maximum === 0) return [];
  const { inUse, maximum } = localPorts;
  if (inUse < FULL * maximum) return [];
  return [
    {
      severity: "warning",
      code: "YM_STATUS_LOCAL_PORTS",
      message: `fullnat has hardly any port left to send to ${endpointText(address, port)} from: then it refuses`,
      evidence: `${inUse} of ${maximum} ports are taken`,
      hint: "write more addresses under localAddresses: each has as many ports again for every server",
    },
  ];
}

function answersMissing(traffic: Traffic): readonly Finding[] {
  const { service, server } = traffic;
  // Nobody has to answer a datagram.
  if (!protocolsOf(service.match).includes("tcp") || service.onePacket) return [];
  return server.packetsOut === undefined ? neverEstablished(traffic) : unanswered(traffic);
}

/** Packets go to a server, and none comes back through the director. */
function unanswered({ service, server, before, network }: Traffic): readonly Finding[] {
  const { packetsIn, packetsOut = 0, forwarding, address } = server;
  const since = packetsOut === 0 ? { packetsIn: 0, packetsOut: 0 } : before?.get(nameOf(service, server));
  if (since === undefined || packetsIn - since.packetsIn < FEWEST || packetsOut !== since.packetsOut) return [];
  const director = network?.routeTo(address)?.source ?? "DIRECTOR";
  const [local = director] = (service.localAddresses ?? []).filter((each) => familyOf(each) === familyOf(address));
  const sent = packetsIn - since.packetsIn;
  const finding: Finding = {
    severity: "warning",
    code: "YM_STATUS_NO_REPLIES",
    message: `${forwarding} sends packets to ${endpointText(address, server.port)}, and none comes back`,
    evidence: `${sent} packets in, 0 out${packetsOut === 0 ? "" : " since the last look"}`,
    hint:
      forwarding === "nat"
        ? `on the server: ip route replace default via ${director}; ip route get CLIENT there must say via ${director}`
        : `on the server: ip route get ${local} must lead here; is it up, and does it listen on port ${server.port}?`,
  };
  return [finding];
}

/** Clients send SYNs, and no connection goes on from there: they get no answer. */
function neverEstablished({ service, server, states, network }: Traffic): readonly Finding[] {
  const { forwarding, address, port } = server;
  const { opening = 0, others = 0 } = states.get(nameOf(service, server)) ?? {};
  if (opening < FEWEST || others > 0) return [];
  const virtual = prefixesOf(service.match).flatMap(singleAddress);
  const up = realServerUp({ forwarding, virtual, director: network?.routeTo(address)?.source });
  return [
    {
      severity: "warning",
      code: "YM_STATUS_NOT_ESTABLISHED",
      message: `clients of ${endpointText(address, port)} send SYNs and never get on: its answers do not reach them`,
      evidence: `${opening} connections, all of them SYN_RECV`,
      hint: `on the server: ${up}; yardmaster realserver check`,
    },
  ];
}

function toHint({ name }: ServiceStatus, server: DestinationStatus, finding: Finding): Hint {
  const { severity, code, message, evidence, hint } = finding;
  return { severity, code, service: name, server: endpointText(server.address, server.port), message, evidence, hint };
}
