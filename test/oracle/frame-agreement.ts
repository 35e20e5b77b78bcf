// Frames side by side, byte for byte, except for what no two hosts share: numbers that a host draws for packets of its
// own, and the checksums over them. This is the one place that says which bytes those are.
import { checksumProblems, describeFrame, diffFrames, ipProtocols, parseFrame, sameBytes } from "@yardmaster/packet";
import type { Difference } from "./agreement.ts";
import type { Packet } from "./subject.ts";
import { links } from "./topology.ts";

/** What frames have to do with each other. */
export interface Occasion {
  /** The frame that the others are the answer to; undefined for those that were sent unasked. */
  readonly arrived: Packet | undefined;
  /** Addresses of servers that packets reach through a tunnel. */
  readonly tunnelEnds: ReadonlySet<string>;
}

/** What of the frames that left is not as recorded; they must leave in the recorded order. */
export function frameDifferences(
  recorded: readonly Packet[],
  replayed: readonly Packet[],
  occasion: Occasion,
): readonly Difference[] {
  return Array.from({ length: Math.max(recorded.length, replayed.length) }, (_, index) => {
    const [expected, got] = [recorded[index], replayed[index]];
    if (expected !== undefined && got !== undefined) return pairDifference(expected, got, occasion, index);
    return [{ what: `frame ${index}`, expected: summary(expected), got: summary(got) }];
  }).flat();
}

function summary(packet: Packet | undefined): string {
  return packet === undefined ? "none" : `on ${packet.side}: ${describeFrame(packet.frame).replaceAll("\n", " | ")}`;
}

function pairDifference(expected: Packet, got: Packet, occasion: Occasion, index: number): readonly Difference[] {
  const what = `frame ${index}`;
  if (expected.side !== got.side) return [{ what, expected: summary(expected), got: summary(got) }];
  const [want, have] = [comparable(expected, occasion), comparable(got, occasion)];
  if (!sameBytes(want, have)) {
    const where = `${what} (${diffFrames(want, have).replaceAll("\n", "; ")})`;
    return [{ what: where, expected: summary(expected), got: summary(got) }];
  }
  // Where numbers were left out of the comparison, the checksums over them must be right all the same.
  const faults = (packet: Packet) => checksumProblems(packet.frame).map(({ message }) => message);
  const added = faults(got).filter((fault) => !faults(expected).includes(fault));
  return added.length === 0 ? [] : [{ what: `${what}, checksums`, expected: "right", got: added.join("; ") }];
}

/**
 * The frame with zeros where hosts differ:
 * - packets that the director makes itself: the IPv4 identification (a counter) and the IPv6 flow label (a keyed hash);
 * - tunnels: the outer IPv4 identification, and of GUE the UDP source port (a keyed hash of the flow);
 * - and the checksums that cover them: the IPv4 header's, UDP's.
 * The packet within a tunnel, and the one that an ICMP error quotes, are left as they are.
 */
function comparable(packet: Packet, occasion: Occasion): Uint8Array {
  const [, ip, transport] = parseFrame(packet.frame).layers;
  if (ip?.layer !== "ipv4" && ip?.layer !== "ipv6") return packet.frame;
  const isTunnel = packet.side === "s" && occasion.tunnelEnds.has(ip.destination);
  if (!isTunnel && !isOwn(packet, occasion.arrived)) return packet.frame;
  const bytes = packet.frame.slice();
  const clear = (from: number, length: number): void => void bytes.fill(0, from, from + length);
  if (ip.layer === "ipv4") {
    clear(ip.offset + 4, 2);
    clear(ip.offset + 10, 2);
  } else {
    // The low 20 bits of the first word (RFC 8200 §3).
    bytes[ip.offset + 1] = (bytes[ip.offset + 1] ?? 0) & 0xf0;
    clear(ip.offset + 2, 2);
  }
  const isGue = isTunnel && ip.protocol === ipProtocols.udp && transport?.layer === "udp";
  if (isGue) {
    clear(transport.offset, 2);
    clear(transport.offset + 6, 2);
  }
  return bytes;
}

/** Whether the director made the packet, rather than sent on the one that arrived. */
function isOwn({ side }: Packet, arrived: Packet | undefined): boolean {
  // What goes back where the other came from is an answer; what was for the director itself goes no further.
  if (arrived === undefined || arrived.side === side) return true;
  const ip = parseFrame(arrived.frame).layers[1];
  const addresses: readonly string[] = links[arrived.side].addresses;
  return (ip?.layer === "ipv4" || ip?.layer === "ipv6") && addresses.includes(ip.destination);
}
