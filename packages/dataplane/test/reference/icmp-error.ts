// The ICMP error that a packet is answered with, written anew from RFC 792, RFC 1812 and RFC 4443: what the reference
// and the packet scenarios expect. The identification of IPv4 errors is chance: it is 0 here, see `withoutChance`.

import { addressBytes, frame, icmp4, icmp6, internetChecksum, ipv4, ipv6 } from "@yardmaster/packet";
import { tunnelSources } from "../plan.ts";

const kinds = {
  4: { portUnreachable: [3, 3], timeExceeded: [11, 0], tooBig: [3, 4] },
  6: { portUnreachable: [1, 4], timeExceeded: [3, 0], tooBig: [2, 0] },
} as const;

/**
 * The answer to a packet: `link` is what its frame begins with, up to the IP header, `datagram` the rest without
 * padding. `mtu`, in bytes, only of tooBig; `from`: who says it, by default whom the packet was for.
 */
export function icmpError(
  link: Uint8Array,
  datagram: Uint8Array,
  kind: keyof (typeof kinds)[4],
  mtu = 0,
  from?: string,
): Uint8Array {
  const isV4 = (datagram[0] as number) >> 4 === 4;
  const [type, code] = kinds[isV4 ? 4 : 6][kind];
  const quoted = datagram.subarray(0, isV4 ? 576 - 28 : 1280 - 48);
  const [at, length] = isV4 ? [12, 4] : [8, 16];
  const source = from === undefined ? datagram.slice(at + length, at + 2 * length) : addressBytes(from);
  const ends = { destination: datagram.slice(at, at + length), source };
  const typeOfService = ((datagram[1] as number) & 0x1e) | 0xc0;
  const error = isV4
    ? frame(
        ipv4({ ...ends, ttl: 64, typeOfService, identification: 0, dontFragment: false }),
        icmp4({ type, code, mtu }),
        quoted,
      )
    : frame(ipv6({ ...ends, hopLimit: 64 }), icmp6({ type, code, mtu }), quoted);
  return Uint8Array.of(...link.subarray(6, 12), ...link.subarray(0, 6), ...link.subarray(12), ...error);
}

/**
 * The frame with the identification of what the director makes itself set to 0, of an ICMP packet, the outside of a
 * tunnel, or, where it came `from` IPv6, of what may be divided; and its header's checksum accordingly. Not where there
 * are options: the director's own packets have none.
 */
export function withoutChance(bytes: Uint8Array, from?: Uint8Array): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 12;
  while (at + 4 <= bytes.length && [0x8100, 0x88a8].includes(view.getUint16(at))) at += 4;
  const ip = at + 2;
  if (ip + 20 > bytes.length || view.getUint16(at) !== 0x0800 || bytes[ip] !== 0x45) return bytes;
  const isTranslated = from !== undefined && isOfIpv6(from) && ((bytes[ip + 6] ?? 0) & 0x40) === 0;
  if (bytes[ip + 9] !== 1 && !isTranslated && !isTunnel(bytes.subarray(ip))) return bytes;
  const changed = bytes.slice();
  changed.fill(0, ip + 4, ip + 6);
  changed.fill(0, ip + 10, ip + 12);
  new DataView(changed.buffer).setUint16(ip + 10, internetChecksum(changed.subarray(ip, ip + 20)));
  return changed;
}

/** Whether an IPv4 packet is the outside of a tunnel, and may be divided: with DF there is no chance in it. */
function isTunnel(ip: Uint8Array): boolean {
  const network = addressBytes(tunnelSources.ipv4).subarray(0, 3);
  return network.every((byte, at) => ip[12 + at] === byte) && ((ip[6] as number) & 0x40) === 0;
}

/** Whether a frame carries IPv6, behind any tags. */
function isOfIpv6(bytes: Uint8Array): boolean {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 12;
  while (at + 4 <= bytes.length && [0x8100, 0x88a8].includes(view.getUint16(at))) at += 4;
  return at + 2 <= bytes.length && view.getUint16(at) === 0x86dd;
}
