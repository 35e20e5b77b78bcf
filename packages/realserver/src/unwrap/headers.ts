// Headers as they lie in packets, as far as unwrapping reads them (RFC 791, RFC 8200, RFC 768, RFC 2784 and 2890,
// draft-ietf-intarea-gue-09).
import { be16, be32, bytes, list, struct, u8 } from "@yardmaster/ebpf";

const packed = { packed: true } as const;

export const Ethernet = struct("ethernet", { destination: bytes(6), source: bytes(6), type: be16 }, packed);

export const Ipv4 = struct(
  "ipv4",
  {
    /** Version and header length in words, then the type of service, whose last two bits are ECN (RFC 3168). */
    start: be16,
    length: be16,
    identification: be16,
    fragment: be16,
    timeToLive: u8,
    protocol: u8,
    check: be16,
    source: be32,
    destination: be32,
  },
  packed,
);

export const Ipv6 = struct(
  "ipv6",
  {
    /** Version, traffic class, flow label: the last two bits of the class are ECN. */
    start: be32,
    payloadLength: be16,
    nextHeader: u8,
    hopLimit: u8,
    source: list(be32, 4),
    destination: list(be32, 4),
  },
  packed,
);

export const Udp = struct("udp", { source: be16, destination: be16, length: be16, check: be16 }, packed);
export const Ports = struct("ports", { source: be16, destination: be16 }, packed);
export const Gre = struct("gre", { flags: be16, protocol: be16 }, packed);
export const Gue = struct("gue", { start: u8, protocol: u8, flags: be16 }, packed);

export const etherTypes = { ipv4: 0x0800, ipv6: 0x86dd } as const;
export const protocols = { ipv4: 4, tcp: 6, udp: 17, ipv6: 41, gre: 47 } as const;
