// Says what no receiver would accept: wrong checksums and lengths. What comes out of the data plane must
// give an empty list.
import { foldSum, internetChecksum, pseudoHeaderSum, sumWords } from "./checksum.ts";
import type { Icmp4, Icmp6 } from "./icmp.ts";
import type { Ipv4 } from "./ipv4.ts";
import { ipProtocols } from "./ipv4.ts";
import type { Ipv6 } from "./ipv6.ts";
import type { Header, PacketProblem, ParsedFrame } from "./parse.ts";
import { isFragment, parseFrame, parsePacket, statedEnd } from "./parse.ts";
import type { Tcp } from "./tcp.ts";
import type { Gre } from "./tunnel.ts";
import type { Udp } from "./udp.ts";

type Transport = Tcp | Udp | Icmp4 | Icmp6 | Gre;

const hex = (checksum: number) => `0x${checksum.toString(16).padStart(4, "0")}`;

function problem(header: Header, message: string): PacketProblem {
  return { layer: header.layer, offset: header.offset, message: `${header.layer}: ${message}` };
}

/** A covered run of bytes that includes a right checksum adds up to 0xffff (RFC 1071 §1). */
function checkSum(header: Header & { readonly checksum?: number }, covered: Uint8Array, initial: number, at: number) {
  if (foldSum(sumWords(covered, initial)) === 0xffff) return [];
  const zeroed = covered.slice();
  zeroed.fill(0, at, at + 2);
  const right = internetChecksum(zeroed, initial);
  return [problem(header, `checksum ${hex(header.checksum ?? 0)}, ${hex(right)} would be right`)];
}

function ipv4Problems(header: Ipv4, bytes: Uint8Array): readonly PacketProblem[] {
  const covered = bytes.subarray(header.offset, header.offset + header.headerLength);
  return checkSum(header, covered, 0, 10);
}

const transports = {
  tcp: { protocol: ipProtocols.tcp, checksumAt: 16 },
  udp: { protocol: ipProtocols.udp, checksumAt: 6 },
  icmp4: { protocol: undefined, checksumAt: 2 },
  icmp6: { protocol: ipProtocols.icmp6, checksumAt: 2 },
  gre: { protocol: undefined, checksumAt: 4 },
} as const;

/** The checksum of a whole transport segment, `end` being where the IP header says it ends. */
function transportProblems(
  header: Transport,
  ip: Ipv4 | Ipv6 | undefined,
  bytes: Uint8Array,
  end: number,
): readonly PacketProblem[] {
  if (header.layer === "gre" && header.checksum === undefined) return [];
  if (header.layer === "udp") {
    if (header.length !== end - header.offset) {
      return [problem(header, `length ${header.length}, ${end - header.offset} by the IP header`)];
    }
    // RFC 768 allows no checksum over IPv4; RFC 8200 §8.1 does not over IPv6.
    if (header.checksum === 0) {
      return ip?.layer === "ipv6" ? [problem(header, "no checksum, which IPv6 asks for")] : [];
    }
  }
  const covered = bytes.subarray(header.offset, end);
  const { protocol, checksumAt } = transports[header.layer];
  if (protocol === undefined) return checkSum(header, covered, 0, checksumAt);
  if (ip === undefined) return [];
  const pseudoHeader = pseudoHeaderSum(ip.source, ip.destination, protocol, covered.length);
  return checkSum(header, covered, pseudoHeader, checksumAt);
}

function malformedOptions(header: Ipv4 | Tcp): readonly PacketProblem[] {
  return header.options.some(({ kind }) => kind === "malformed") ? [problem(header, "malformed options")] : [];
}

function ownProblems(parsed: ParsedFrame): readonly PacketProblem[] {
  const found: PacketProblem[] = [];
  let ip: Ipv4 | Ipv6 | undefined;
  let end = parsed.bytes.length;
  for (const [index, header] of parsed.layers.slice(0, parsed.ownLayers).entries()) {
    if (header.layer === "ipv4" || header.layer === "ipv6") {
      ip = header;
      end = Math.min(end, statedEnd(header) ?? end);
    }
    if (header.layer === "ipv4") found.push(...ipv4Problems(header, parsed.bytes));
    if (header.layer === "ipv4" || header.layer === "tcp") found.push(...malformedOptions(header));
    // A fragment holds a part of what the checksum covers.
    // RFC 6935: the UDP of a tunnel may go without a checksum.
    const isTunnel = parsed.layers[index + 1]?.layer === "gue" && header.layer === "udp" && header.checksum === 0;
    if (header.layer in transports && !isTunnel && !isFragment(parsed.layers.slice(0, index))) {
      found.push(...transportProblems(header as Transport, ip, parsed.bytes, end));
    }
  }
  return found;
}

/** In a quote only the IPv4 header can be checked: the rest is cut off, and routers do not put it right. */
function quoteProblems(parsed: ParsedFrame): readonly PacketProblem[] {
  return parsed.layers.slice(parsed.ownLayers).flatMap((header) => {
    return header.layer === "ipv4" ? ipv4Problems(header, parsed.bytes) : [];
  });
}

/** Bytes after the end of the packet, more than Ethernet's padding to 60 (and its VLAN tags) explains. */
function trailerProblems(parsed: ParsedFrame): readonly PacketProblem[] {
  const [outermost] = parsed.layers;
  if (outermost === undefined || parsed.trailer.length === 0) return [];
  const least = outermost.layer === "ethernet" ? 60 + outermost.vlan.length * 4 : 0;
  if (parsed.bytes.length <= least) return [];
  return [problem(outermost, `${parsed.trailer.length} bytes follow the end of the packet`)];
}

function problemsOf(parsed: ParsedFrame): readonly PacketProblem[] {
  return [...parsed.problems, ...ownProblems(parsed), ...quoteProblems(parsed), ...trailerProblems(parsed)];
}

/**
 * The wrong checksums and lengths of an Ethernet frame and of everything it encloses, and what could not be parsed;
 * empty for a valid frame. Of fragments and of packets quoted in ICMP errors only the IP header's checksum counts.
 */
export function checksumProblems(frame: Uint8Array): readonly PacketProblem[] {
  return problemsOf(parseFrame(frame));
}

/** As {@link checksumProblems}, for an IP packet without Ethernet header. */
export function packetChecksumProblems(packet: Uint8Array): readonly PacketProblem[] {
  return problemsOf(parsePacket(packet));
}
