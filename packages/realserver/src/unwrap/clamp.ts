// Answers of this server go straight to the client, so the director cannot lower the segment size that they offer; and
// what the client then sends has to fit through the tunnel. This program lowers the offer in SYN packets that leave
// from a virtual address (RFC 9293, 3.7.1), where they leave: no route and no other connection is touched.
import {
  be16,
  be32,
  bytes,
  checksumChange,
  guard,
  type Int,
  type Packet,
  pass,
  type ProgramDefinition,
  stack,
  struct,
  tc,
  u32,
  u8,
  variable,
  when,
} from "@yardmaster/ebpf";
import { MAPPED_WORD } from "../addresses.ts";
import { Ethernet, etherTypes, Ipv4, Ipv6, protocols } from "./headers.ts";
import { ADDRESS_ONLY, Service, services } from "./maps.ts";

const ETHERNET_BYTES = 14;
const IPV4_BYTES = 20;
const IPV6_BYTES = 40;
const TCP_BYTES = 20;
const SYN = 2;
const NEAR = 127;
// RFC 9293, 3.2
const KIND_SEGMENT_SIZE = 2;

const Tcp = struct("tcp", { before: bytes(12), dataOffset: u8, flags: u8, window: be16, check: be16, urgent: be16 });
const SegmentSize = struct("segment_size", { kind: u8, length: u8, size: be16 }, { packed: true });

export const CLAMP_PROGRAM = "rs_clamp";

/** Largest offers, in bytes of TCP payload. */
export interface ClampOptions {
  readonly largest: { readonly 4: number; readonly 6: number };
}

/** The program for the egress of an interface. */
export function clamper({ largest }: ClampOptions): ProgramDefinition {
  return tc(CLAMP_PROGRAM, (packet) => {
    packet.makeReadable(ETHERNET_BYTES + IPV6_BYTES + TCP_BYTES + 4);
    const key = stack(Service);
    key.port = be16(0);
    key.protocol = u8(ADDRESS_ONLY);
    key.unused = u8(0);
    const at = variable(u32(ETHERNET_BYTES + IPV6_BYTES));
    const limit = variable(u32(largest[6]));
    const ethernet = packet.read(Ethernet).orPass();
    when(ethernet.type.eq(etherTypes.ipv4), () => {
      const ip = packet.cursorAt(ETHERNET_BYTES).read(Ipv4).orPass();
      // What this machine sends of its own has no options, and SYN packets are no fragments.
      guard(ip.start.toHost().shr(8).eq(0x45).and(ip.protocol.eq(protocols.tcp))).orPass();
      const mapped = [be32(0), be32(0), be32(MAPPED_WORD), ip.source];
      mapped.forEach((word, index) => key.address.set(index, word));
      at.set(u32(ETHERNET_BYTES + IPV4_BYTES));
      limit.set(u32(largest[4]));
    }).otherwise(() => {
      guard(ethernet.type.eq(etherTypes.ipv6)).orPass();
      const ip = packet.cursorAt(ETHERNET_BYTES).read(Ipv6).orPass();
      guard(ip.nextHeader.eq(protocols.tcp)).orPass();
      for (const word of [0, 1, 2, 3]) key.address.set(word, ip.source.at(word));
    });
    const tcp = packet.cursorAt(at.get().and(NEAR)).read(Tcp).orPass();
    guard(tcp.flags.and(SYN).ne(0)).orPass();
    services.lookup(key).orPass();
    lower(packet, at.get(), limit.get());
    return pass();
  });
}

/** Lowers the option where it is above `limit`. This machine writes it first (tcp_options_write, tcp_output.c). */
function lower(packet: Packet, at: Int<"u32">, limit: Int<"u32">): void {
  const offered = packet.cursorAt(at.add(TCP_BYTES).and(NEAR)).read(SegmentSize).orPass();
  guard(offered.kind.eq(KIND_SEGMENT_SIZE).and(offered.length.eq(4))).orPass();
  guard(offered.size.toHost().gt(limit)).orPass();
  const lowered = limit.toU16().toNet();
  const contents = checksumChange().replace(offered.size, lowered);
  offered.size = lowered;
  const header = packet.cursorAt(at.and(NEAR)).read(Tcp).orPass();
  packet.updateChecksum({ header, type: Tcp }, { contents });
}
