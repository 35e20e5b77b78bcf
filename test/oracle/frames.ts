// Packets of scenarios: built as a client behind the router or a real server sends them, and read again where the
// director lets them out: whom it chose, what came back.
import {
  ethernet,
  frame,
  ipv4,
  ipv6,
  type Layer,
  layerOf,
  parseFrame,
  tcp,
  type TcpFields,
  udp,
} from "@yardmaster/packet";
import type { Mode, Packet } from "./subject.ts";
import { addressOfServer, clientRouter, endpointText, familyOf, links, parseEndpoint, wayTo } from "./topology.ts";

/** The two ends of a conversation, client first. */
export interface Flow {
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
}

/** The kinds of TCP packets that scenarios send. */
export type TcpKind = "syn" | "ack" | "data" | "fin" | "rst" | "synack";

const DATA = "0123456789";

/** Flags of each kind, and numbers as they are in the middle of a conversation; none of them matters to a balancer. */
const SEGMENTS: Readonly<Record<TcpKind, Partial<TcpFields>>> = {
  syn: { flags: "S", sequence: 1 },
  ack: { flags: "A", sequence: 2, acknowledgment: 2 },
  data: { flags: "PA", sequence: 2, acknowledgment: 2 },
  fin: { flags: "FA", sequence: 2, acknowledgment: 2 },
  rst: { flags: "R", sequence: 2 },
  synack: { flags: "SA", sequence: 1, acknowledgment: 2 },
};

/** A datagram from the client. */
export function clientDatagram(flow: Flow): Packet {
  const ports = { sourcePort: flow.sourcePort, destinationPort: flow.destinationPort };
  return { side: "c", frame: frame(fromClient(), ipHeader(flow), udp(ports), "hello") };
}

/** A TCP packet from the client. */
export function clientSegment(flow: Flow, kind: TcpKind): Packet {
  return { side: "c", frame: frame(fromClient(), ipHeader(flow), ...segment(flow, kind)) };
}

/** A TCP packet of the real server `name` for the client of the flow, on its way through the director. */
export function serverSegment(flow: Flow, name: string, kind: TcpKind): Packet {
  const server = parseEndpoint(name);
  const back = {
    source: server.address,
    sourcePort: server.port,
    destination: flow.source,
    destinationPort: flow.sourcePort,
  };
  const way = wayTo(server.address);
  const macs = ethernet({ source: way.destination, destination: way.source });
  return { side: way.side, frame: frame(macs, ipHeader(back), ...segment(back, kind)) };
}

function fromClient(): Layer {
  return ethernet({ source: clientRouter.mac, destination: links.c.mac });
}

function ipHeader({ source, destination }: Flow): Layer {
  return familyOf(source) === "ipv4"
    ? ipv4({ source, destination, dontFragment: true })
    : ipv6({ source, destination });
}

function segment(flow: Flow, kind: TcpKind) {
  const ports = { sourcePort: flow.sourcePort, destinationPort: flow.destinationPort };
  return [tcp({ ...ports, ...SEGMENTS[kind] }), ...(kind === "data" ? [DATA] : [])];
}

/**
 * The server that a frame on the servers' side went to, by what the forwarding mode leaves of it: address and port in
 * NAT, the MAC address in direct routing (`nameOf` gives the configured name of an address), or undefined for none.
 */
export function serverOf(
  { side, frame: bytes }: Packet,
  mode: Mode,
  nameOf: (address: string) => string | undefined,
): string | undefined {
  if (side !== "s") return undefined;
  const parsed = parseFrame(bytes);
  const ip = layerOf(parsed, "ipv4") ?? layerOf(parsed, "ipv6");
  const mac = layerOf(parsed, "ethernet")?.destination ?? "";
  if (ip === undefined) return undefined;
  if (mode === "nat") {
    const transport = layerOf(parsed, "tcp") ?? layerOf(parsed, "udp");
    return transport && endpointText(ip.destination, transport.destinationPort);
  }
  const address = addressOfServer(mac, familyOf(ip.destination));
  if (address === undefined) return `the MAC address ${mac}`;
  return nameOf(address) ?? address;
}

/** What a frame on the client's side tells the client: "tcp-SA", "icmp-3-3", "icmp6-1-4", "udp". */
export function messageOf({ side, frame: bytes }: Packet): string | undefined {
  if (side !== "c") return undefined;
  const parsed = parseFrame(bytes);
  const own = parsed.layers.slice(0, parsed.ownLayers).at(-1);
  switch (own?.layer) {
    case "tcp":
      return `tcp-${own.flags}`;
    case "icmp4":
      return `icmp-${own.type}-${own.code}`;
    case "icmp6":
      return `icmp6-${own.type}-${own.code}`;
    default:
      return own?.layer;
  }
}
