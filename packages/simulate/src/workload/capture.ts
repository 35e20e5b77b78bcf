// A workload from a capture: which connections it shows, when each began and ended. TCP by its flags, UDP by silence.
import {
  type Capture,
  type Header,
  ipv4ToNumber,
  linkTypes,
  parseCapture,
  parseFrame,
  parsePacket,
} from "@yardmaster/packet";
import { SimulationError } from "../simulation-error.ts";
import type { Flow, Protocol, Target } from "./flow.ts";
import { SERVICE } from "./generate.ts";

/** What to take from a capture. */
export interface CaptureSelection {
  readonly protocol: Protocol;
  /** Only connections to this address, and this port where there is one. */
  readonly to: { readonly address: number; readonly port: number | undefined } | undefined;
  /** `one`: all meet one service address, whatever they were addressed to. `captured`: they keep their own. */
  readonly destinations: "one" | "captured";
}

/** The connections of a capture, in order of time. */
export interface CapturedFlows {
  readonly flows: readonly Flow[];
  /** From the first packet to the last, 1 at least. */
  readonly durationMs: number;
  /** Connections whose begin is not in the capture: a director would not schedule them either. */
  readonly withoutBegin: number;
}

/** Bytes before the IP header, of link types without Ethernet's (tcpdump.org/linktypes): cooked, BSD loopback, none. */
const HEADERS_BEFORE_IP: ReadonlyMap<number, number> = new Map([
  [0, 4],
  [linkTypes.rawIp, 0],
  [108, 4],
  [113, 16],
  [228, 0],
  [276, 20],
]);
/** A UDP flow that is silent for so long has ended. */
const UDP_IDLE_MS = 30_000;

interface Packet {
  readonly atMs: number;
  readonly source: number;
  readonly sourcePort: number;
  readonly destination: number;
  readonly destinationPort: number;
  /** TCP's flags as letters; undefined for UDP. */
  readonly flags: string | undefined;
}

/** A connection while the capture is read. */
interface Seen {
  readonly first: Packet;
  lastMs: number;
  isClosed: boolean;
}

/** Reads a pcap or pcapng file. Throws SimulationError when it is neither or shows no connection of the kind. */
export function readCapture(bytes: Uint8Array, selection: CaptureSelection): CapturedFlows {
  const packets = packetsOf(parse(bytes), selection.protocol);
  const startMs = packets[0]?.atMs ?? 0;
  const reader = selection.protocol === "tcp" ? new TcpReader(selection) : new UdpReader(selection);
  for (const packet of packets) reader.read(packet);
  const flows = reader.seen.map((seen) => toFlow(seen, startMs, selection)).sort((a, b) => a.atMs - b.atMs);
  if (flows.length === 0) {
    const message = `the capture holds no ${selection.protocol} connection with its begin (over IPv4) to play`;
    const hint = "capture from before the connections open, or choose others with --protocol and --to";
    throw new SimulationError("YM_SIMULATE_CAPTURE", message, { hint });
  }
  const durationMs = Math.max(1, (packets.at(-1)?.atMs ?? 0) - startMs);
  return { flows, durationMs, withoutBegin: reader.strangers.size };
}

/** What the service must answer for so that it gets all flows. */
export function capturedTarget({ destinations }: CaptureSelection): Target {
  return destinations === "one" ? SERVICE : { address: "0.0.0.0/0", port: "any" };
}

function parse(bytes: Uint8Array): Capture {
  try {
    return parseCapture(bytes);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SimulationError("YM_SIMULATE_CAPTURE", reason, { hint: "give a pcap or pcapng file", cause });
  }
}

function packetsOf(capture: Capture, protocol: Protocol): readonly Packet[] {
  const found: Packet[] = [];
  // Nanoseconds since 1970 are too many for a number; from the first packet on they are not.
  const originNs = capture.packets[0]?.timestampNs ?? 0n;
  for (const { bytes, timestampNs, interface: index } of capture.packets) {
    const linkType = capture.interfaces[index]?.linkType ?? linkTypes.ethernet;
    const before = HEADERS_BEFORE_IP.get(linkType);
    const { layers, ownLayers } = before === undefined ? parseFrame(bytes) : parsePacket(bytes.subarray(before));
    const packet = packetOf(layers.slice(0, ownLayers), protocol, Number(timestampNs - originNs) / 1e6);
    if (packet !== undefined) found.push(packet);
  }
  // Those of several interfaces stand in the order in which they were read, not in which they came.
  return found.sort((a, b) => a.atMs - b.atMs);
}

function packetOf(layers: readonly Header[], protocol: Protocol, atMs: number): Packet | undefined {
  const at = layers.findIndex(({ layer }) => layer === "ipv4");
  const [ip, transport] = layers.slice(at < 0 ? layers.length : at);
  if (ip?.layer !== "ipv4" || transport?.layer !== protocol) return undefined;
  return {
    atMs,
    source: ipv4ToNumber(ip.source),
    sourcePort: transport.sourcePort,
    destination: ipv4ToNumber(ip.destination),
    destinationPort: transport.destinationPort,
    flags: transport.layer === "tcp" ? transport.flags : undefined,
  };
}

function forth({ source, sourcePort, destination, destinationPort }: Packet): string {
  return `${source}:${sourcePort} ${destination}:${destinationPort}`;
}

function back({ source, sourcePort, destination, destinationPort }: Packet): string {
  return `${destination}:${destinationPort} ${source}:${sourcePort}`;
}

function isWanted({ destination, destinationPort }: Packet, { to }: CaptureSelection): boolean {
  if (to === undefined) return true;
  return to.address === destination && (to.port === undefined || to.port === destinationPort);
}

abstract class FlowReader {
  readonly seen: Seen[] = [];
  /** Connections of which only a later part was captured, by the flow of the packet met first. */
  readonly strangers = new Set<string>();
  /** By the client's flow. */
  protected readonly current = new Map<string, Seen>();
  protected readonly selection: CaptureSelection;

  constructor(selection: CaptureSelection) {
    this.selection = selection;
  }

  abstract read(packet: Packet): void;

  protected find(packet: Packet): Seen | undefined {
    return this.current.get(forth(packet)) ?? this.current.get(back(packet));
  }

  protected begin(packet: Packet): void {
    const seen: Seen = { first: packet, lastMs: packet.atMs, isClosed: false };
    this.seen.push(seen);
    this.current.set(forth(packet), seen);
  }
}

class TcpReader extends FlowReader {
  read(packet: Packet): void {
    const { flags = "", atMs } = packet;
    const isOpening = flags.includes("S") && !flags.includes("A");
    const own = this.current.get(forth(packet));
    // A SYN of a connection under way was sent again; after its end it opens the next one from the same port.
    if (isOpening && (own === undefined || own.isClosed)) {
      if (isWanted(packet, this.selection)) this.begin(packet);
      return;
    }
    const seen = this.find(packet);
    if (seen === undefined) {
      if (isWanted(packet, this.selection) && !this.strangers.has(back(packet))) this.strangers.add(forth(packet));
    } else if (!seen.isClosed) {
      seen.lastMs = atMs;
      seen.isClosed = flags.includes("F") || flags.includes("R");
    }
  }
}

class UdpReader extends FlowReader {
  read(packet: Packet): void {
    const seen = this.find(packet);
    if (seen !== undefined && packet.atMs - seen.lastMs <= UDP_IDLE_MS) seen.lastMs = packet.atMs;
    else if (isWanted(packet, this.selection)) {
      this.current.delete(back(packet));
      this.begin(packet);
    }
  }
}

function toFlow({ first, lastMs, isClosed }: Seen, startMs: number, selection: CaptureSelection): Flow {
  const isOne = selection.destinations === "one";
  const isEnded = isClosed || selection.protocol === "udp";
  return {
    atMs: first.atMs - startMs,
    client: first.source,
    clientPort: first.sourcePort,
    destination: isOne ? ipv4ToNumber(SERVICE.address) : first.destination,
    destinationPort: isOne ? SERVICE.port : first.destinationPort,
    lastsMs: isEnded ? lastMs - first.atMs : Number.POSITIVE_INFINITY,
  };
}
