// What unwrapping does, in plain TypeScript over bytes: the program must do the same to every frame.
import { addressBytes, type Prefix, prefixContains } from "@yardmaster/packet";
import type { VirtualService } from "../src/options.ts";
import type { unwrapReasonNames } from "../src/unwrap/maps.ts";

type ReasonName = (typeof unwrapReasonNames)[number];

/** What became of a frame: undefined as reason where it was no tunnel. */
export interface Unwrapped {
  readonly reason: ReasonName | undefined;
  readonly frame: Uint8Array | "dropped";
}

export interface TwinOptions {
  readonly directors: readonly Prefix[];
  readonly services: readonly VirtualService[];
  readonly guePort: number;
}

const TUNNELS = [4, 41, 47];

/** Unwraps `frame`. */
export function unwrapTwin(frame: Uint8Array, options: TwinOptions): Unwrapped {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  const has = (at: number, bytes: number): boolean => at + bytes <= frame.length;
  const asItCame = (reason?: ReasonName): Unwrapped => ({ reason, frame });
  if (!has(0, 14)) return asItCame();
  const type = view.getUint16(12);
  const isIpv4 = type === 0x0800;
  if ((!isIpv4 && type !== 0x86dd) || !has(14, isIpv4 ? 20 : 40)) return asItCame();
  const headerBytes = isIpv4 ? (view.getUint8(14) & 15) * 4 : 40;
  const protocol = view.getUint8(isIpv4 ? 23 : 20);
  const at = 14 + headerBytes;
  if (protocol === 17) {
    if (!has(at, 8) || view.getUint16(at + 2) !== options.guePort) return asItCame();
  } else if (!TUNNELS.includes(protocol)) return asItCame();
  if (isIpv4) {
    if ((view.getUint16(20) & 0x3fff) !== 0) return asItCame("outerFragment");
    if (view.getUint8(14) >> 4 !== 4 || headerBytes < 20 || view.getUint16(16) < headerBytes)
      return asItCame("malformed");
  }
  const source = isIpv4 ? frame.subarray(26, 30) : frame.subarray(22, 38);
  if (!options.directors.some((prefix) => prefixContains(prefix, source))) return asItCame("fromStranger");
  const outer = {
    at,
    end: isIpv4 ? 14 + view.getUint16(16) : at + view.getUint16(18),
    protocol,
    addresses: isIpv4 ? frame.subarray(26, 34) : frame.subarray(22, 54),
  };
  const inside = readTunnel(frame, view, outer);
  if (typeof inside === "string")
    return inside === "badChecksum" ? { reason: inside, frame: "dropped" } : asItCame(inside);
  const ecn = isIpv4 ? view.getUint8(15) & 3 : (view.getUint16(14) >> 4) & 3;
  return strip(frame, { ...inside, ecn }, options);
}

interface Outer {
  readonly at: number;
  readonly end: number;
  readonly protocol: number;
  readonly addresses: Uint8Array;
}

function readTunnel(frame: Uint8Array, view: DataView, outer: Outer): { at: number; isIpv4: boolean } | ReasonName {
  const { at, end, protocol, addresses } = outer;
  const has = (bytes: number): boolean => at + bytes <= frame.length;
  const isWrong = (bytes: number, pseudo: Uint8Array): boolean => {
    if (bytes > 2047 || at + bytes > frame.length) return false;
    return sum(pseudo, frame.subarray(at, at + bytes)) !== 0xffff;
  };
  if (protocol === 17) {
    if (!has(12) || view.getUint8(at + 8) >= 0x20 || view.getUint16(at + 10) !== 0) return "malformed";
    const bytes = view.getUint16(at + 4);
    if (bytes < 12 || at + bytes > end) return "malformed";
    const pseudo = Uint8Array.of(...addresses, 0, 17, bytes >> 8, bytes);
    if (view.getUint16(at + 6) !== 0 && isWrong(bytes, pseudo)) return "badChecksum";
    const inner = view.getUint8(at + 9);
    if (inner !== 4 && inner !== 41) return "malformed";
    return { at: at + 12 + view.getUint8(at + 8) * 4, isIpv4: inner === 4 };
  }
  if (protocol !== 47) return { at, isIpv4: protocol === 4 };
  if (!has(4)) return "malformed";
  const flags = view.getUint16(at);
  const type = view.getUint16(at + 2);
  if ((flags & 0x4fff) !== 0 || (type !== 0x0800 && type !== 0x86dd)) return "malformed";
  if ((flags & 0x8000) !== 0 && end >= at && isWrong(end - at, new Uint8Array())) return "badChecksum";
  const words = [0x8000, 0x2000, 0x1000].filter((bit) => (flags & bit) !== 0).length;
  return { at: at + 4 + words * 4, isIpv4: type === 0x0800 };
}

interface Inside {
  readonly at: number;
  readonly isIpv4: boolean;
  readonly ecn: number;
}

function strip(frame: Uint8Array, { at, isIpv4, ecn }: Inside, options: TwinOptions): Unwrapped {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.length);
  const asItCame = (reason: ReasonName): Unwrapped => ({ reason, frame });
  if (at + (isIpv4 ? 20 : 40) > frame.length) return asItCame("malformed");
  const words = view.getUint8(at) & 15;
  if (view.getUint8(at) >> 4 !== (isIpv4 ? 4 : 6) || (isIpv4 && words < 5)) return asItCame("malformed");
  const destination = isIpv4 ? frame.subarray(at + 16, at + 20) : frame.subarray(at + 24, at + 40);
  const protocol = view.getUint8(at + (isIpv4 ? 9 : 6));
  const isWhole = !isIpv4 || (view.getUint16(at + 6) & 0x1fff) === 0;
  const hasPorts = isWhole && (protocol === 6 || protocol === 17);
  const ports = at + (isIpv4 ? words * 4 : 40);
  if (hasPorts && ports + 4 > frame.length) return asItCame("malformed");
  const isOurs = options.services.some(
    (service) =>
      Buffer.from(addressBytes(service.address)).equals(destination) &&
      (!hasPorts ||
        ((service.port === undefined || service.port === view.getUint16(ports + 2)) &&
          (service.protocol === undefined || service.protocol === (protocol === 6 ? "tcp" : "udp")))),
  );
  if (!isOurs) return asItCame("noService");

  const result = Uint8Array.of(...frame.subarray(0, 12), ...(isIpv4 ? [8, 0] : [0x86, 0xdd]), ...frame.subarray(at));
  const out = new DataView(result.buffer);
  const inner = isIpv4 ? out.getUint8(15) & 3 : (out.getUint16(14) >> 4) & 3;
  if (ecn === 3 && inner === 0) return { reason: "congestion", frame: "dropped" };
  const marked = ecn === 3 ? 3 : ecn === 1 && inner === 2 ? 1 : inner;
  if (marked === inner) return { reason: "unwrapped", frame: result };
  const before = out.getUint16(14);
  out.setUint16(14, isIpv4 ? (before & 0xfffc) | marked : (before & 0xffcf) | (marked << 4));
  if (isIpv4) {
    // RFC 1624, equation 3.
    const total = (out.getUint16(24) ^ 0xffff) + (before ^ 0xffff) + out.getUint16(14);
    const folded = (total & 0xffff) + (total >> 16);
    out.setUint16(24, ((folded & 0xffff) + (folded >> 16)) ^ 0xffff);
  }
  return { reason: "unwrapped", frame: result };
}

/** One's-complement sum of all bytes, the parts one after another, each of which begins at an even place. */
function sum(...parts: readonly Uint8Array[]): number {
  let total = 0;
  for (const part of parts) for (const [index, byte] of part.entries()) total += index % 2 === 0 ? byte * 256 : byte;
  while (total > 0xffff) total = (total % 0x1_0000) + Math.floor(total / 0x1_0000);
  return total;
}
