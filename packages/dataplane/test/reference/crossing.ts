// The reference's translation between address families, written anew from RFC 7915: another IP header, other addresses
// and ports, a transport checksum as right or wrong as before; and errors about such packets.

import {
  foldSum,
  frame,
  icmp4,
  icmp6,
  internetChecksum,
  ipv4,
  ipv6,
  pseudoHeaderSum,
  sumWords,
} from "@yardmaster/packet";
import type { ReasonName } from "../../src/index.ts";
import { familyOf } from "../compiled.ts";
import type { HopPlan } from "../plan.ts";
import { icmpError } from "./icmp-error.ts";
import type { Quoted } from "./icmp.ts";
import type { ReadFrame, ReadPacket } from "./read-frame.ts";
import { aged, layoutOf, putWord, resummed } from "./rewrite.ts";

interface Endpoint {
  readonly address: string;
  readonly port: number;
}
interface Ends {
  readonly source: Endpoint;
  readonly destination: Endpoint;
}
interface Frame<Read extends ReadPacket = ReadFrame> {
  readonly bytes: Uint8Array;
  readonly read: Read;
}

const isV4 = (address: string) => familyOf(address) === "ipv4";
const headerLength = (address: string) => (isV4(address) ? 20 : 40);
/** Bytes of a datagram that a checksum can be computed of. */
const LONGEST = 2047;

/** The frame as it may change its family, with a checksum where IPv6 wants one; or why it does not. */
export function crossable(bytes: Uint8Array, read: ReadFrame): Uint8Array | ReasonName {
  if (read.fragment !== undefined) return "crossingFragment";
  if (read.transportAt - read.ipAt !== headerLength(read.source)) return "crossingOptions";
  const checkAt = read.transportAt + 6;
  const hasNone = read.protocol === "udp" && bytes[checkAt] === 0 && bytes[checkAt + 1] === 0;
  if (!hasNone || !isV4(read.source)) return bytes;
  const copy = bytes.slice();
  const { addresses } = layoutOf(bytes, read);
  const ends = [bytes.slice(addresses, addresses + 4), bytes.slice(addresses + 4, addresses + 8)] as const;
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint16(read.transportAt + 4);
  if (length > LONGEST) return "crossingUnchecked";
  const covered = bytes.subarray(read.transportAt, read.transportAt + length);
  const check = ~foldSum(sumWords(covered, pseudoHeaderSum(...ends, 17, length))) & 0xffff;
  putWord(copy, checkAt, check === 0 ? 0xffff : check);
  return copy;
}

/** What its sender is told, or why it is dropped, where the other family's way takes less than the packet. */
export function crossingErrorFor(
  bytes: Uint8Array,
  read: ReadFrame,
  hop: Required<HopPlan>,
): Uint8Array | ReasonName | undefined {
  const link = bytes.subarray(0, read.ipAt);
  if (read.ttl <= 1) return icmpError(link, bytes.subarray(read.ipAt, read.endsAt), "timeExceeded");
  const difference = isV4(read.source) ? 20 : -20;
  if (read.totalLength + difference <= hop.mtu) return undefined;
  const mtu = isV4(read.source) ? hop.mtu - 20 : Math.max(1280, hop.mtu + 20);
  if (!read.isWhole || read.totalLength <= mtu) return "crossingExceedsMtu";
  return icmpError(link, aged(bytes, read), "tooBig", mtu);
}

/** The frame in the other family. The identification of IPv4 is 0 here, see `withoutChance`. */
export function crossed({ bytes, read }: Frame, { source, destination }: Ends): Frame {
  const [typeOfService] = serviceOf(bytes, read.ipAt);
  const transport = bytes.slice(read.transportAt, read.endsAt);
  putWord(transport, 0, source.port);
  putWord(transport, 2, destination.port);
  const ends = { source: source.address, destination: destination.address };
  const protocol = read.protocol === "tcp" ? 6 : 17;
  const totalLength = transport.length + headerLength(source.address);
  const header = isV4(source.address)
    ? ipv4({ ...ends, protocol, typeOfService, ttl: read.ttl, identification: 0, dontFragment: totalLength > 1260 })
    : ipv6({ ...ends, protocol, trafficClass: typeOfService, hopLimit: read.ttl });
  const link = bytes.slice(0, read.ipAt);
  putWord(link, read.ipAt - 2, isV4(source.address) ? 0x0800 : 0x86dd);
  const whole = Uint8Array.of(...link, ...frame(header, transport), ...bytes.subarray(read.endsAt));
  const transportAt = read.ipAt + headerLength(source.address);
  const after = {
    ...read,
    ...{ source: source.address, sourcePort: source.port },
    ...{ destination: destination.address, destinationPort: destination.port },
    ...{ transportAt, endsAt: read.ipAt + totalLength, totalLength },
  };
  return { bytes: resummed({ bytes, read }, { bytes: whole, read: after }), read: after };
}

/** Type of service or traffic class, and hops, of the header at `ipAt`. */
function serviceOf(bytes: Uint8Array, ipAt: number): readonly [typeOfService: number, hops: number] {
  const at = (offset: number) => bytes[ipAt + offset] ?? 0;
  return at(0) >> 4 === 4 ? [at(1), at(8)] : [((at(0) & 15) << 4) | (at(1) >> 4), at(7)];
}

/** RFC 7915 §4.2 and §5.2: [type, code] there and here; undefined codes are all codes, and stay. */
const likes = {
  4: [
    [3, [0, 1, 5, 6, 7, 8, 11, 12], 1, 0],
    [3, [9, 10, 13, 15], 1, 1],
    [3, [3], 1, 4],
    [3, [4], 2, 0],
    [11, undefined, 3, undefined],
  ],
  6: [
    [1, [0, 2, 3], 3, 1],
    [1, [1], 3, 10],
    [1, [4], 3, 3],
    [2, undefined, 3, 4],
    [3, undefined, 11, undefined],
  ],
} as const;

/** An error about a packet that changed its family, as whoever sent that is to have it; or why there is none. */
export function crossedError(
  bytes: Uint8Array,
  read: ReadPacket,
  quoted: Quoted,
  { receiver, peer }: { readonly receiver: Endpoint; readonly peer: Endpoint },
): Frame<ReadPacket> | ReasonName {
  const wasV4 = isV4(read.source);
  const message = bytes.subarray(read.transportAt, read.endsAt);
  if (!isSumRight(bytes, read, message)) return "malformedIcmp";
  const [type = 0, code = 0] = message;
  const like = likes[wasV4 ? 4 : 6].find(
    ([of, codes]) => of === type && (codes === undefined || (codes as readonly number[]).includes(code)),
  );
  const [own, inside] = [read.transportAt - read.ipAt, quoted.transportAt - quoted.ipAt];
  if (like === undefined || own !== (wasV4 ? 20 : 40) || inside !== (wasV4 ? 20 : 40)) return "crossingError";
  const [, , newType, newCode = code] = like;
  const isTooBig = (newType === 2 && !wasV4) || (newType === 2 && wasV4) || (newType === 3 && newCode === 4 && !wasV4);
  const stated = new DataView(message.buffer, message.byteOffset).getUint32(4);
  const six = Math.min(0xffff, Math.max(1280, wasV4 ? (stated & 0xffff) + 20 : stated));
  const mtu = isTooBig ? (wasV4 ? six : six - 20) : 0;
  const datagram = quotedAnew(bytes, read, quoted, { receiver, peer });
  const kept = datagram.subarray(0, wasV4 ? 1280 - 48 : 576 - 28);
  const ends = { source: peer.address, destination: receiver.address };
  const [typeOfService] = serviceOf(bytes, quoted.ipAt);
  const error = wasV4
    ? frame(ipv6({ ...ends, hopLimit: 65 }), icmp6({ type: newType, code: newCode, mtu }), kept)
    : frame(
        ipv4({
          ...ends,
          ...{ ttl: 65, typeOfService: (typeOfService & 0x1e) | 0xc0, identification: 0, dontFragment: false },
        }),
        icmp4({ type: newType, code: newCode, mtu }),
        kept,
      );
  const link = bytes.slice(0, read.ipAt);
  putWord(link, read.ipAt - 2, wasV4 ? 0x86dd : 0x0800);
  const transportAt = read.ipAt + (wasV4 ? 40 : 20);
  const after = { ...read, ...ends, ttl: 65, transportAt, endsAt: read.ipAt + error.length, totalLength: error.length };
  return { bytes: Uint8Array.of(...link, ...error), read: after };
}

/** The quoted packet as its sender sent it, whose words on dividing it are not known any more. */
function quotedAnew(
  bytes: Uint8Array,
  read: ReadPacket,
  quoted: Quoted,
  { receiver, peer }: { readonly receiver: Endpoint; readonly peer: Endpoint },
): Uint8Array {
  const [typeOfService, hops] = serviceOf(bytes, quoted.ipAt);
  const transport = bytes.slice(quoted.transportAt, read.endsAt);
  putWord(transport, 0, receiver.port);
  putWord(transport, 2, peer.port);
  const ends = { source: receiver.address, destination: peer.address };
  const protocol = quoted.protocol === "tcp" ? 6 : 17;
  const view = new DataView(bytes.buffer, bytes.byteOffset + quoted.ipAt);
  const wasV4 = isV4(read.source);
  const length = wasV4 ? view.getUint16(2) + 20 : (view.getUint16(4) + 20) & 0xffff;
  const header = wasV4
    ? frame(ipv6({ ...ends, protocol, trafficClass: typeOfService, hopLimit: hops }))
    : frame(ipv4({ ...ends, protocol, typeOfService, ttl: hops, identification: 0, dontFragment: true }));
  putWord(header, wasV4 ? 4 : 2, wasV4 ? (length - 40) & 0xffff : length);
  if (!wasV4) {
    putWord(header, 10, 0);
    putWord(header, 10, internetChecksum(header));
  }
  return Uint8Array.of(...header, ...transport);
}

function isSumRight(bytes: Uint8Array, read: ReadPacket, message: Uint8Array): boolean {
  if (isV4(read.source)) return foldSum(sumWords(message)) === 0xffff;
  const { addresses } = layoutOf(bytes, read);
  const ends = [bytes.slice(addresses, addresses + 16), bytes.slice(addresses + 16, addresses + 32)] as const;
  return foldSum(sumWords(message, pseudoHeaderSum(...ends, 58, message.length))) === 0xffff;
}
