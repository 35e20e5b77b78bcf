// ARP for IPv4 over Ethernet (RFC 826): who has which address. Balancers care because a VIP on a real
// server must not answer.
import type { AddressLike, MacLike } from "./address.ts";
import { addressBytes, formatAddress, formatMac, macBytes } from "./address.ts";
import { checkField, concat, need, put16, toHex, u16, u32 } from "./bytes.ts";
import { PacketError } from "./errors.ts";
import { etherTypes } from "./ethernet.ts";
import type { Layer, Located } from "./layer.ts";

/** A parsed ARP packet. */
export interface Arp extends Located {
  readonly layer: "arp";
  /** 1 request, 2 reply. */
  readonly operation: number;
  readonly senderMac: string;
  readonly senderAddress: string;
  readonly targetMac: string;
  readonly targetAddress: string;
}

export interface ArpFields {
  /** "request" unless given. */
  readonly operation?: "request" | "reply" | number;
  readonly senderMac: MacLike;
  readonly senderAddress: AddressLike;
  /** All zeros unless given, as in a request. */
  readonly targetMac?: MacLike;
  readonly targetAddress: AddressLike;
}

// Hardware type Ethernet, protocol type IPv4, address lengths 6 and 4.
const ethernetIpv4 = Uint8Array.of(0, 1, 8, 0, 6, 4);

/** Reads an ARP packet; throws PacketError when it is cut off or not about IPv4 over Ethernet. */
export function parseArp(bytes: Uint8Array, offset = 0): Arp {
  need(bytes, offset, 8, "arp");
  if (u32(bytes, offset) !== 0x00010800 || u16(bytes, offset + 4) !== 0x0604) {
    const found = toHex(bytes.subarray(offset, offset + 6));
    throw new PacketError(
      "YM_PACKET_MALFORMED",
      `parsing arp at byte ${offset}: types and lengths are ${found}, not ${toHex(ethernetIpv4)} (IPv4 over Ethernet)`,
      offset,
    );
  }
  need(bytes, offset, 28, "arp");
  const field = (from: number, to: number) => bytes.subarray(offset + from, offset + to);
  return {
    layer: "arp",
    offset,
    headerLength: 28,
    operation: u16(bytes, offset + 6),
    senderMac: formatMac(field(8, 14)),
    senderAddress: formatAddress(field(14, 18)),
    targetMac: formatMac(field(18, 24)),
    targetAddress: formatAddress(field(24, 28)),
  };
}

const operations = { request: 1, reply: 2 } as const;

function ipv4Bytes(address: AddressLike): Uint8Array {
  const bytes = addressBytes(address);
  if (bytes.length === 4) return bytes;
  throw new PacketError("YM_PACKET_FIELD", `building arp: ${formatAddress(bytes)} is IPv6; ARP is for IPv4`);
}

/** An ARP packet to build. */
export function arp(fields: ArpFields): Layer {
  const { operation = "request", targetMac = new Uint8Array(6) } = fields;
  return {
    layer: "arp",
    etherType: etherTypes.arp,
    write(inside) {
      const code = new Uint8Array(2);
      put16(
        code,
        0,
        checkField("arp operation", typeof operation === "string" ? operations[operation] : operation, 16),
      );
      const sender = concat(macBytes(fields.senderMac), ipv4Bytes(fields.senderAddress));
      const target = concat(macBytes(targetMac), ipv4Bytes(fields.targetAddress));
      return concat(ethernetIpv4, code, sender, target, inside);
    },
  };
}
