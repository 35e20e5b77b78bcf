// A client of a few packets, made by hand: it reaches a server through a director's full NAT, which says in the option
// of the packet that completes the handshake who the client is, and asks for a page.
import {
  clientAddress,
  ethernet,
  type FramePart,
  frame,
  ipv4,
  ipv6,
  layerOf,
  type ParsedFrame,
  tcp,
  tcpOptionKinds,
  type TcpFields,
} from "@yardmaster/packet";
import type { RealServerNetwork } from "./realserver-network.ts";

const REQUEST = "GET /page HTTP/1.1\r\nHost: yardmaster\r\nConnection: close\r\n\r\n";
const decoder = new TextDecoder();

export interface Visit {
  /** Whose address the packets come from. */
  readonly from: string;
  readonly to: string;
  readonly port: number;
  readonly sourcePort: number;
  /** Whom the option names; without it there is none. */
  readonly client?: { readonly address: string; readonly port: number };
  /** Headers before each packet, such as those of a tunnel. */
  readonly wrapper?: readonly FramePart[];
}

/** What is needed of a connection by hand. */
function openVisit(network: RealServerNetwork, { from, to, port, sourcePort, wrapper = [] }: Visit) {
  const link = ethernet({ source: network.outsideMac, destination: network.serverMac });
  const hosts = { source: from, destination: to };
  const ip = from.includes(":") ? ipv6(hosts) : ipv4(hosts);
  const build = (fields: Omit<TcpFields, "sourcePort" | "destinationPort">, payload = ""): Uint8Array =>
    frame(link, ...wrapper, ip, tcp({ sourcePort, destinationPort: port, window: 65_535, ...fields }), payload);
  const isOurs = (parsed: ParsedFrame, flags: string): boolean => {
    const header = layerOf(parsed, "tcp");
    return header?.sourcePort === port && header.destinationPort === sourcePort && header.flags.includes(flags);
  };
  const open = async () => {
    const syn = build({ flags: "S", sequence: 1000 });
    const opened = await network.exchange(syn, (parsed) => isOurs(parsed, "SA"));
    return opened && layerOf(opened, "tcp");
  };
  return { build, isOurs, open };
}

/** The segment size that the server offers in its first answer. */
export async function offeredSegment(network: RealServerNetwork, options: Visit): Promise<number | undefined> {
  const header = await openVisit(network, options).open();
  const option = header?.options.find(({ kind }) => kind === tcpOptionKinds.maximumSegmentSize);
  return option && new DataView(option.data.buffer, option.data.byteOffset).getUint16(0);
}

/** Visits; the first bytes of the answer, or undefined where a step of it was not answered. */
export async function visit(network: RealServerNetwork, options: Visit): Promise<string | undefined> {
  const { client } = options;
  const { build, isOurs, open } = openVisit(network, options);
  const header = await open();
  if (header === undefined) return undefined;
  const state = { sequence: 1001, acknowledgment: header.sequence + 1 };
  const tcpOptions = client === undefined ? [] : [clientAddress(client.address, client.port)];
  await network.exchange(build({ ...state, flags: "A", options: tcpOptions }), () => true, 20);
  const answer = await network.exchange(
    build({ ...state, flags: "PA" }, REQUEST),
    (parsed) => isOurs(parsed, "A") && parsed.remaining.length > 0,
  );
  return answer && decoder.decode(answer.remaining);
}
