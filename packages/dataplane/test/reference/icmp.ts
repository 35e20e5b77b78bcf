// The reference's ICMP: which connection an error is about, read from the packet that it quotes; what becomes of the
// error where addresses are translated; and the reply to a ping. Written from RFC 792, RFC 4443 and the behaviour
// reference §9.

import { foldSum, parseAddress, pseudoHeaderSum, sumWords } from "@yardmaster/packet";
import type { ReasonName } from "../../src/index.ts";
import { type ReadPacket, reader } from "./read-frame.ts";
import { layoutOf, putWord, sealHeader } from "./rewrite.ts";

const PROTOCOL = { 4: 1, 6: 58 } as const;
const ERRORS = [3, 4, 11];

/** The packet that an error quotes. */
export interface Quoted {
  readonly ipAt: number;
  readonly transportAt: number;
  readonly protocol: "tcp" | "udp";
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
}

export type ReadIcmp = "echo" | Quoted;

/** What an ICMP packet is to the balancer, or why it passes. */
export function readIcmp(bytes: Uint8Array, read: ReadPacket): ReadIcmp | ReasonName {
  const { has, byte } = reader(bytes);
  const { transportAt: at, endsAt } = read;
  const { isV4 } = layoutOf(bytes, read);
  if (read.next !== PROTOCOL[isV4 ? 4 : 6]) return "notTcpOrUdp";
  if (!has(at + 8)) return "truncated";
  if (at + 8 > endsAt) return "malformedIcmp";
  const [type, code] = [byte(at), byte(at + 1)];
  if (type === (isV4 ? 8 : 128) && code === 0 && at - read.ipAt === (isV4 ? 20 : 40)) return "echo";
  const isError = isV4 ? ERRORS.includes(type) : type < 128;
  if (!isError) return "notTcpOrUdp";
  return readQuoted(bytes, at + 8, endsAt, isV4);
}

function readQuoted(bytes: Uint8Array, ipAt: number, endsAt: number, isV4: boolean): Quoted | ReasonName {
  const { has, byte, word, address } = reader(bytes);
  const least = isV4 ? 20 : 40;
  if (!has(ipAt + least) || byte(ipAt) >> 4 !== (isV4 ? 4 : 6)) return "malformedIcmp";
  const headerLength = isV4 ? (byte(ipAt) & 15) * 4 : 40;
  const transportAt = ipAt + headerLength;
  if (headerLength < least || !has(transportAt + 4) || transportAt + 4 > endsAt) return "malformedIcmp";
  const next = byte(isV4 ? ipAt + 9 : ipAt + 6);
  const isLater = isV4 && (word(ipAt + 6) & 0x1fff) !== 0;
  if (isLater || (next !== 6 && next !== 17)) return "icmpWithoutConnection";
  const [addressesAt, length] = isV4 ? [ipAt + 12, 4] : [ipAt + 8, 16];
  return {
    ipAt,
    transportAt,
    protocol: next === 6 ? "tcp" : "udp",
    source: address(addressesAt, length),
    destination: address(addressesAt + length, length),
    sourcePort: word(transportAt),
    destinationPort: word(transportAt + 2),
  };
}

/** What the ends of an error and of the packet that it quotes become; undefined: they stay. */
interface ErrorEnds {
  readonly own: { readonly source?: string | undefined; readonly destination?: string | undefined };
  readonly quoted: { readonly source?: Endpoint | undefined; readonly destination?: Endpoint | undefined };
}
interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** The frame with new addresses of the error, and new addresses and ports of what it quotes. */
export function errorTranslated(bytes: Uint8Array, read: ReadPacket, quoted: Quoted, ends: ErrorEnds): Uint8Array {
  const copy = bytes.slice();
  const put = (ipAt: number, end: "source" | "destination", address: string) => {
    const { addresses, length } = layoutOf(copy, { ipAt });
    copy.set(parseAddress(address), addresses + (end === "source" ? 0 : length));
  };
  for (const end of ["source", "destination"] as const) {
    const [own, inside] = [ends.own[end], ends.quoted[end]];
    if (own !== undefined) put(read.ipAt, end, own);
    if (inside === undefined) continue;
    put(quoted.ipAt, end, inside.address);
    putWord(copy, quoted.transportAt + (end === "source" ? 0 : 2), inside.port);
  }
  sealHeader(copy, read);
  const message = (of: Uint8Array) => of.subarray(read.transportAt, read.endsAt);
  const header = (of: Uint8Array) => of.subarray(quoted.ipAt, quoted.transportAt);
  if (layoutOf(copy, read).isV4) keepSum(copy, quoted.ipAt + 10, (of) => sumWords(header(of)), bytes);
  keepSum(copy, read.transportAt + 2, (of) => sumWords(message(of), pseudoSum(of, read)), bytes);
  return copy;
}

/** The reply to an echo request: all of it back, as a new packet of the director's. */
export function echoReply(bytes: Uint8Array, read: ReadPacket): Uint8Array {
  const copy = bytes.slice();
  const { isV4, addresses, length, hops } = layoutOf(bytes, read);
  copy.set(bytes.subarray(6, 12), 0);
  copy.set(bytes.subarray(0, 6), 6);
  copy.set(bytes.subarray(addresses + length, addresses + 2 * length), addresses);
  copy.set(bytes.subarray(addresses, addresses + length), addresses + length);
  copy[hops] = 64;
  if (isV4) {
    putWord(copy, read.ipAt + 4, 0);
    putWord(copy, read.ipAt + 6, 0);
  }
  sealHeader(copy, read);
  copy[read.transportAt] = isV4 ? 0 : 129;
  const checkAt = read.transportAt + 2;
  const message = (of: Uint8Array) => of.subarray(read.transportAt, read.endsAt);
  keepSum(copy, checkAt, (of) => sumWords(message(of), pseudoSum(of, read)), bytes);
  if (copy[checkAt] === 0 && copy[checkAt + 1] === 0) putWord(copy, checkAt, 0xffff);
  return copy;
}

/** ICMPv6's checksum covers a pseudo header, ICMP's does not. */
function pseudoSum(bytes: Uint8Array, read: ReadPacket): number {
  const { isV4, addresses, length } = layoutOf(bytes, read);
  if (isV4) return 0;
  const source = bytes.slice(addresses, addresses + length);
  const destination = bytes.slice(addresses + length, addresses + 2 * length);
  return pseudoHeaderSum(source, destination, PROTOCOL[6], read.endsAt - read.transportAt);
}

/** Writes a checksum of `copy` such that what it covers adds up as before: right stays right, wrong stays wrong. */
function keepSum(copy: Uint8Array, checkAt: number, sumOf: (bytes: Uint8Array) => number, before: Uint8Array): void {
  putWord(copy, checkAt, 0);
  putWord(copy, checkAt, (((foldSum(sumOf(before)) - foldSum(sumOf(copy))) % 0xffff) + 0xffff) % 0xffff);
}
