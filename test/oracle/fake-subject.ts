// A balancer for the runner's own tests: round robin in list order, NAT and direct routing, entries that expire. Small
// and in TypeScript alone; where it is wrong on purpose, a test says so through `faults`.
import {
  ethernet,
  frame,
  type FramePart,
  ipv4,
  type Ipv4,
  type Ipv6,
  ipv6,
  layerOf,
  parseFrame,
  tcp,
  type Tcp,
  udp,
  type Udp,
} from "@yardmaster/packet";
import { keyText } from "./director.ts";
import {
  type Destination,
  type Entry,
  type Packet,
  Refused,
  type Sent,
  type Server,
  type Service,
  type ServiceKey,
  type Subject,
} from "./subject.ts";
import { endpointText, wayTo } from "./topology.ts";

interface Virtual {
  service: Service;
  /** Newest first, as in the kernel. */
  readonly servers: Server[];
  next: number;
}

interface FakeEntry extends Omit<Entry, "expiresS"> {
  readonly to: Server;
  readonly port: number;
  readonly virtualEnd: End;
  readonly clientEnd: End;
  expiresAtMs: number;
}

interface End {
  readonly address: string;
  readonly port: number;
}

/** What the fake does otherwise than it should. */
export interface Faults {
  /** Every SYN goes to the head of the list. */
  readonly sticksToHead?: true;
  readonly dropsServerPackets?: true;
  readonly diesOn?: string;
}

const STATES = { S: ["SYN_RECV", 60], F: ["FIN_WAIT", 120], R: ["CLOSE", 10], A: ["ESTABLISHED", 900] } as const;
const ACTIVE: readonly string[] = ["SYN_RECV", "ESTABLISHED"];

export class FakeSubject implements Subject {
  readonly sysctls = new Map<string, number | string>();
  readonly marks: number[] = [];
  readonly editedServices: Service[] = [];
  timeoutsS = [900, 120, 300];
  isDisposed = false;
  nowMs = 0;
  readonly #faults: Faults;
  readonly #services = new Map<string, Virtual>();
  #entries: FakeEntry[] = [];

  constructor(faults: Faults = {}) {
    this.#faults = faults;
  }

  addService(service: Service): void {
    if (this.#services.has(keyText(service.key))) throw new Refused("Service already exists");
    this.#services.set(keyText(service.key), { service, servers: [], next: 0 });
  }

  editService(service: Service): void {
    this.#at(service.key).service = service;
    this.editedServices.push(service);
  }

  removeService(key: ServiceKey): void {
    this.#at(key);
    this.#services.delete(keyText(key));
  }

  addServer(key: ServiceKey, server: Server): void {
    const { servers } = this.#at(key);
    if (servers.some((other) => nameOf(other) === nameOf(server))) throw new Refused("Destination already exists");
    servers.unshift(server);
  }

  editServer(key: ServiceKey, server: Server): void {
    const { servers } = this.#at(key);
    const index = servers.findIndex((other) => nameOf(other) === nameOf(server));
    if (server.lower > server.upper) throw new Refused("Numerical result out of range");
    servers[index] = server;
  }

  removeServer(key: ServiceKey, name: string): void {
    const { servers } = this.#at(key);
    const index = servers.findIndex((server) => nameOf(server) === name);
    if (index < 0) throw new Refused("No such destination");
    servers.splice(index, 1);
  }

  setSysctl(name: string, value: number | string): void {
    if (name === this.#faults.diesOn) throw new Error(`there is no sysctl ${name}`);
    this.sysctls.set(name, value);
  }

  setTimeouts(tcpS: number, tcpFinS: number, udpS: number): void {
    this.timeoutsS = [tcpS, tcpFinS, udpS];
  }

  startSyncDaemon(): void {
    throw new Error("there is no synchronisation");
  }

  advance(elapsedMs: number): void {
    this.nowMs += elapsedMs;
    this.#entries = this.#entries.filter(({ expiresAtMs }) => expiresAtMs > this.nowMs);
  }

  send(packet: Packet, mark: number): Sent {
    this.marks.push(mark);
    const read = readPacket(packet.frame);
    const leaving = read === undefined ? undefined : packet.side === "c" ? this.#in(read, mark) : this.#out(read);
    if (leaving === undefined) return { leaving: [], toStack: [packet.frame] };
    return { leaving, toStack: [] };
  }

  takeUnasked(): readonly Packet[] {
    return [];
  }

  destinations(key: ServiceKey): readonly Destination[] {
    return this.#at(key).servers.map((server) => {
      const own = this.#entries.filter(({ to }) => nameOf(to) === nameOf(server));
      const active = own.filter(({ state }) => ACTIVE.includes(state)).length;
      return { name: nameOf(server), active, inactive: own.length - active };
    });
  }

  entries(): readonly Entry[] {
    return this.#entries.map(({ protocol, client, virtual, server, state, expiresAtMs }) => {
      return { protocol, client, virtual, server, state, expiresS: Math.floor((expiresAtMs - this.nowMs) / 1000) };
    });
  }

  [Symbol.dispose](): void {
    this.isDisposed = true;
  }

  #at(key: ServiceKey): Virtual {
    const found = this.#services.get(keyText(key));
    if (found === undefined) throw new Refused("No such service");
    return found;
  }

  #in(read: ReadPacket, mark: number): readonly Packet[] | undefined {
    const { clientEnd, virtualEnd, protocol, flags } = fromClient(read);
    const client = endpointText(clientEnd.address, clientEnd.port);
    const virtual = endpointText(virtualEnd.address, virtualEnd.port);
    const known = this.#entries.find((entry) => entry.client === client && entry.virtual === virtual);
    if (known === undefined && protocol === "TCP" && !flags.includes("S")) return undefined;
    const service = this.#services.get(mark === 0 ? `${protocol} ${virtual}` : `mark ${mark}`);
    const to = known?.to ?? (service && this.#choose(service));
    if (to === undefined) return undefined;
    const port = to.port === 0 ? virtualEnd.port : to.port;
    const server = to.mode === "nat" ? endpointText(to.address, port) : nameOf(to);
    const entry = known ?? {
      protocol,
      client,
      virtual,
      server,
      state: "",
      to,
      port,
      virtualEnd,
      clientEnd,
      expiresAtMs: 0,
    };
    if (known === undefined) this.#entries.push(entry);
    this.#touch(entry, flags);
    const translated = to.mode === "nat" ? { destination: { address: to.address, port } } : {};
    return [rewritten(read, wayTo(to.address), translated)];
  }

  #out(read: ReadPacket): readonly Packet[] | undefined {
    if (this.#faults.dropsServerPackets === true) return [];
    const { source, destination } = ends(read);
    const entry = this.#entries.find(
      ({ to, port, clientEnd }) => same({ address: to.address, port }, source) && same(clientEnd, destination),
    );
    if (entry === undefined) return undefined;
    return [rewritten(read, wayTo(destination.address), { source: entry.virtualEnd })];
  }

  #choose(virtual: Virtual): Server | undefined {
    const usable = virtual.servers.filter(({ weight }) => weight > 0);
    const chosen = this.#faults.sticksToHead === true ? usable[0] : usable[virtual.next % usable.length];
    virtual.next += 1;
    return chosen;
  }

  #touch(entry: FakeEntry, flags: string): void {
    const letter = (["S", "F", "R", "A"] as const).find((one) => flags.includes(one));
    const [state, lifeS] = letter === undefined ? (["UDP", this.timeoutsS[2] ?? 300] as const) : STATES[letter];
    Object.assign(entry, { state, expiresAtMs: this.nowMs + lifeS * 1000 });
  }
}

interface ReadPacket {
  readonly ip: Ipv4 | Ipv6;
  readonly transport: Tcp | Udp;
  readonly contents: Uint8Array;
}

function readPacket(bytes: Uint8Array): ReadPacket | undefined {
  const parsed = parseFrame(bytes);
  const ip = layerOf(parsed, "ipv4") ?? layerOf(parsed, "ipv6");
  const transport = layerOf(parsed, "tcp") ?? layerOf(parsed, "udp");
  return ip && transport && parsed.ownLayers === 3 ? { ip, transport, contents: parsed.remaining } : undefined;
}

function ends({ ip, transport }: ReadPacket): { readonly source: End; readonly destination: End } {
  return {
    source: { address: ip.source, port: transport.sourcePort },
    destination: { address: ip.destination, port: transport.destinationPort },
  };
}

function fromClient(read: ReadPacket) {
  const { source: clientEnd, destination: virtualEnd } = ends(read);
  const protocol = read.transport.layer.toUpperCase();
  return { clientEnd, virtualEnd, protocol, flags: read.transport.layer === "tcp" ? read.transport.flags : "" };
}

/** The packet on its way out: other MAC addresses, one hop less, perhaps another source or destination. */
function rewritten(read: ReadPacket, way: ReturnType<typeof wayTo>, changes: Partial<ReturnType<typeof ends>>): Packet {
  const { ip, transport, contents } = read;
  const { source, destination } = { ...ends(read), ...changes };
  const addresses = { source: source.address, destination: destination.address };
  const ports = { sourcePort: source.port, destinationPort: destination.port };
  const { side, ...macs } = way;
  const parts: FramePart[] = [ethernet(macs)];
  if (ip.layer === "ipv4") {
    const { checksum: _, ...fields } = ip;
    parts.push(ipv4({ ...fields, ...addresses, ttl: ip.ttl - 1 }));
  } else parts.push(ipv6({ ...ip, ...addresses, hopLimit: ip.hopLimit - 1 }));
  if (transport.layer === "tcp") {
    const { checksum: _, ...fields } = transport;
    parts.push(tcp({ ...fields, ...ports }));
  } else parts.push(udp(ports));
  return { side, frame: frame(...parts, contents) };
}

function nameOf({ address, port }: Server): string {
  return endpointText(address, port);
}

function same(a: End, b: End): boolean {
  return a.address === b.address && a.port === b.port;
}
