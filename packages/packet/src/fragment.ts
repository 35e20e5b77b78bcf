// Cuts a packet into fragments as a router (IPv4, RFC 791 §3.2) or the sender (IPv6, RFC 8200 §4.5) does:
// tests feed the data plane with them.
import { frame } from "./build.ts";
import { PacketError } from "./errors.ts";
import type { Ethernet } from "./ethernet.ts";
import { ethernet } from "./ethernet.ts";
import type { Ipv4 } from "./ipv4.ts";
import { ipv4 } from "./ipv4.ts";
import type { Ipv6 } from "./ipv6.ts";
import { ipv6, ipv6Fragment } from "./ipv6.ts";
import type { Layer } from "./layer.ts";
import { isFragment, parseFrame, statedEnd } from "./parse.ts";

interface Piece {
  readonly fragmentOffset: number;
  readonly moreFragments: boolean;
}

function ipv4Piece(header: Ipv4, piece: Piece): Layer {
  const { checksum: _, totalLength: _length, headerLength: _words, ...fields } = header;
  // Options after the first fragment: only those whose copied flag, the highest bit of the kind, is set.
  const isCopied = (kind: number | "malformed") => piece.fragmentOffset === 0 || (kind !== "malformed" && kind >= 128);
  const options = header.options.filter(({ kind }) => isCopied(kind));
  return ipv4({ ...fields, ...piece, dontFragment: false, options });
}

function ipv6Piece(header: Ipv6, identification: number, piece: Piece): Layer {
  const { payloadLength: _, nextHeader: _next, ...fields } = header;
  return ipv6({ ...fields, extensions: [...header.extensions, ipv6Fragment({ ...piece, identification })] });
}

function cut(outer: Ethernet, ip: Ipv4 | Ipv6, contents: Uint8Array, size: number, identification: number) {
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < contents.length; at += size) {
    const piece = { fragmentOffset: at, moreFragments: at + size < contents.length };
    const header = ip.layer === "ipv4" ? ipv4Piece(ip, piece) : ipv6Piece(ip, identification, piece);
    pieces.push(frame(ethernet(outer), header, contents.subarray(at, at + size)));
  }
  return pieces;
}

/**
 * The fragments of an Ethernet frame whose IP packets have at most `mtu` bytes, in order; the frame alone when it
 * fits. `identification` is for IPv6 alone, IPv4 keeps the packet's. Throws PacketError when there is no IP packet to
 * cut, it is a fragment already, or the MTU has no room for 8 bytes of contents.
 */
export function fragmentFrame(bytes: Uint8Array, mtu: number, identification = 1): readonly Uint8Array[] {
  const parsed = parseFrame(bytes);
  const [outer, ip] = parsed.layers;
  if (outer?.layer !== "ethernet" || (ip?.layer !== "ipv4" && ip?.layer !== "ipv6") || isFragment([ip])) {
    throw new PacketError("YM_PACKET_FIELD", "fragmenting a frame: it holds no whole IP packet to cut");
  }
  const end = Math.min(bytes.length, statedEnd(ip) ?? bytes.length);
  if (end - ip.offset <= mtu) return [bytes];
  const added = ip.layer === "ipv6" ? 8 : 0;
  const size = Math.floor((mtu - ip.headerLength - added) / 8) * 8;
  if (size < 8) {
    throw new PacketError("YM_PACKET_FIELD", `fragmenting a frame: mtu ${mtu} leaves no room behind the headers`);
  }
  return cut(outer, ip, bytes.subarray(ip.offset + ip.headerLength, end), size, identification);
}
