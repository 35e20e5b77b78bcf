// The client's address in a TCP option, for servers that full NAT hides it from: kind 254, as LVS's full NAT and DPVS
// write it (struct tcpopt_addr and tcp_in_add_toa in iqiyi/dpvs, src/ipvs/ip_vs_proto_tcp.c): length 8 with IPv4, 20
// with IPv6; port, then address, in network order; the first option of the packet. A server reads it from the packet
// that completes the handshake. Clients may write such options, too: those are blotted out, whatever the method, as
// soon as any server is told: one that reads them may be behind other services as well.

import {
  atomic,
  type Bool,
  type ChecksumUpdate,
  checksum,
  checksumChange,
  be16,
  be32,
  fn,
  guard,
  type Int,
  Packet,
  type Reference,
  repeat,
  returnValue,
  stack,
  struct,
  u32,
  u64,
  u8,
  variable,
  when,
} from "@yardmaster/ebpf";
import { wordsOf } from "../address.ts";
import { families, type Family } from "../family.ts";
import { HEADER_SIZES, Ipv4, Ipv6, IPPROTO_TCP, Tcp, TCP_FIN, TCP_RST, TCP_SYN } from "../headers.ts";
import type { ConnectionReference } from "../life.ts";
import { OPENING } from "../flows.ts";
import type { ForwardingMethod } from "./method.ts";
import { type EditOptions, editFunction, LONGEST_HEADER, OFFSET_MASK, OPTION_NOTHING, Word } from "./tcp-options.ts";
import type { Parsed } from "../parse.ts";
import { reasons } from "../reasons.ts";
import { type BalancerMaps, destinationFlags, Load, type NextHop } from "../schema.ts";

/** TCPOPT_ADDR: experimental (RFC 4727); and the other experimental kind, which some write for IPv6. */
export const ADDRESS_OPTION = 254;
const ADDRESS_OPTION_TOO = 253;

/** Bits of a connection's `serviceFlags`, above those of services. */
const tellingMarks = {
  /** The server has sent data or its end: its handshake is complete, and nothing that comes now is read from it. */
  spoken: 0x20,
  /** A packet with the client's address went to the server. */
  told: 0x40,
} as const;

const HalfWord = struct("half_word", { value: be16 });

/**
 * Blots out what options with an address a TCP header has: no-operations take their place. One that is longer than what
 * is left takes all of that along.
 */
function blotFunction(maps: BalancerMaps): EditOptions {
  return editFunction(maps, "blot", {
    unreadable: 1,
    settles: true,
    begin: ({ kind, state }) =>
      when(kind.eq(ADDRESS_OPTION).or(kind.eq(ADDRESS_OPTION_TOO)), () => (state.isTaken = u32(1))),
    takenBecomes: OPTION_NOTHING,
  });
}

/** One for all programs on the same maps. */
const blotters = new WeakMap<BalancerMaps, EditOptions>();

function blotterOf(maps: BalancerMaps): EditOptions {
  const known = blotters.get(maps) ?? blotFunction(maps);
  blotters.set(maps, known);
  return known;
}

/** Whom the server is told of. */
const clientType = ({ Address, digit }: Family) =>
  struct(`told_client${digit}`, { address: Address, port: be16, reserved: be16 });
const optionType = ({ Address, digit }: Family) =>
  struct(`address_option${digit}`, { kind: u8, length: u8, port: be16, address: Address });

/** What tells servers of clients of one family in packets of one, which may be the other. */
function tellingOf(family: Family, sentIn: Family) {
  const Client = clientType(family);
  const Option = optionType(family);

  /**
   * Puts the option into the packet, whose headers are at `network` and `at`: 0, or a negative errno where there is no
   * room. Then the packet stays as it was.
   */
  const tell = fn(
    family === sentIn ? `tell_client${family.digit}` : `tell_${family.digit}_in_${sentIn.digit}`,
    { packet: Packet, network: u32, at: u32, client: Client },
    u32,
    ({ packet, network, at, client }) => {
      const header = at.and(OFFSET_MASK);
      const place = variable(header.add(Tcp.size));
      if (packet.hook === "xdp") makeRoom(packet, place.get(), Option.size);
      else {
        // Where the stack has yet to sum the segment up, its header must stay where it is: behind all others.
        const { dataOffset } = packet.cursorAt(header).read(Tcp).orReturn(1);
        place.set(header.add(dataOffset.shr(4).shl(2)));
        guard(packet.length().eq(place.get())).orReturn(1);
        const outcome = packet.adjustTail(Option.size).toU32();
        when(outcome.ne(0), () => returnValue(outcome));
      }
      const option = packet.cursorAt(place.get()).read(Option).orReturn(1);
      option.kind = u8(ADDRESS_OPTION);
      option.length = u8(Option.size);
      option.port = client.port;
      option.address = client.address;
      lengthen(sentIn, packet, network.and(OFFSET_MASK), Option.size);
      const tcp = packet.cursorAt(header).read(Tcp).orReturn(1);
      const before = tcp.dataOffset;
      tcp.dataOffset = before.add((Option.size / 4) << 4).toU8();
      // The offset is the first half of its 16-bit word, kind and length make one; the length is in the pseudo header.
      const grown = checksumChange().replace(be16(0), be16(Option.size));
      const word = u32(ADDRESS_OPTION | (Option.size << 8));
      const sum = u64(0xffff).sub(before.toU64()).add(tcp.dataOffset.toU64()).add(word.toU64());
      const contents = wordsOf(client.address).reduce(
        (change: ChecksumUpdate, one) => change.replace(be32(0), one),
        checksumChange().replace(be16(0), client.port).plus({ sum }),
      );
      packet.updateChecksum({ header: tcp, type: Tcp }, { addresses: grown, contents });
      packet.settle();
      return u32(0);
    },
    { isGlobal: true },
  );
  return { Client, size: Option.size, tell };
}

/** Bytes of the option that tells of a client of a family. */
export function addressOptionSize({ name }: Family): number {
  return telling[name][name].size;
}

/** By the family of the packets, and that of the client. */
const telling = {
  ipv4: { ipv4: tellingOf(families.ipv4, families.ipv4), ipv6: tellingOf(families.ipv6, families.ipv4) },
  ipv6: { ipv4: tellingOf(families.ipv4, families.ipv6), ipv6: tellingOf(families.ipv6, families.ipv6) },
} as const;

/** The longest part of a packet that moves: two tags, both headers with the longest options, TCP's fixed part. */
const LONGEST_HEAD = 22 + 60 + Tcp.size;

/** Makes room of `bytes` bytes at `at`, by moving what is before it to the front; returns where there is none. */
function makeRoom(packet: Packet, at: Int<"u32">, bytes: number): void {
  const outcome = packet.adjustHead(-bytes).toU32();
  when(outcome.ne(0), () => returnValue(outcome));
  // Two bytes, and then words: network headers begin two bytes behind a multiple of four.
  const first = packet.cursorAt(bytes).read(HalfWord).orReturn(0);
  packet.cursorAt(0).read(HalfWord).orReturn(0).value = first.value;
  repeat({ times: at.shr(2), atMost: LONGEST_HEAD >> 2 }, (index) => {
    const place = index.shl(2).add(2);
    const word = packet.cursorAt(place.add(bytes)).read(Word).orReturn(0);
    packet.cursorAt(place).read(Word).orReturn(0).value = word.value;
  });
}

/** Has the IP header say that its packet is so many bytes longer. */
function lengthen(family: Family, packet: Packet, network: Int<"u32">, bytes: number): void {
  if (family.name === "ipv6") {
    const ip = packet.cursorAt(network).read(Ipv6).orReturn(0);
    ip.payloadLength = ip.payloadLength.toHost().add(bytes).toU16().toNet();
    return;
  }
  const ip = packet.cursorAt(network).read(Ipv4).orReturn(0);
  const before = ip.totalLength;
  const after = before.toHost().add(bytes).toU16().toNet();
  ip.totalLength = after;
  ip.check = checksum(ip.check).replace(before, after).fold();
}

/** A client's packet that is about to be translated. */
interface Told {
  readonly maps: BalancerMaps;
  readonly parsed: Parsed;
  readonly connection: ConnectionReference;
  /** The way to the server. */
  readonly hop: Reference<typeof NextHop.fields>;
  /** Whether the client's own address is hidden from the server. */
  readonly method: Pick<ForwardingMethod, "hasLocalAddress">;
  /** The family that it is of afterwards. Default: its own. */
  readonly sentIn?: Family;
}

/** What is to be done with a packet. */
const todos = { blot: 1, tell: 2 } as const;
/**
 * What most packets begin their options with: two no-operations and a time stamp (RFC 7323 appendix A), in 12 bytes.
 */
const TIMESTAMP_ALONE = { first: 0x0101_080a, words: 8 } as const;

/**
 * Looks at a client's packet before it is translated, and returns what is to be done with it afterwards: options with
 * an address are blotted out, and the client's address goes along, until the server has spoken. The director does not
 * hear servers that answer directly: for them options are blotted out in all packets.
 */
export function withClientAddress(asked: Told): () => void {
  const { maps, parsed, connection, hop, method, sentIn = asked.parsed.network.family } = asked;
  const { packet, network, networkOffset, ports, protocol, flags } = parsed;
  const { Client, size, tell } = telling[sentIn.name][network.family.name];
  // Translated to the other family it has a header of another length.
  const isCrossing = sentIn !== network.family;
  const headers = isCrossing ? u32(HEADER_SIZES[sentIn.name]) : network.length.sub(network.payloadLength);
  const length = isCrossing ? network.payloadLength.add(headers) : network.length;
  // Where it is a constant sum it is added up when asked for: frames are nearly full.
  const known = isCrossing ? undefined : networkOffset.add(headers);
  const at = (): Int<"u32"> => known ?? networkOffset.add(headers);
  const isTcp = protocol.eq(IPPROTO_TCP);
  const hasSyn = flags.and(TCP_SYN).ne(0);
  // A new handshake on a known connection.
  const isAgain = connection.serviceFlags
    .and(tellingMarks.told | tellingMarks.spoken)
    .ne(0)
    .and(hasSyn);
  when(isTcp.and(isAgain), () => unmark(connection, tellingMarks.told | tellingMarks.spoken), { isRare: true });
  // In one variable: where most values are alive, frames are nearly full.
  const todo = variable(u32(0));
  const client = stack(Client, undefined, OPENING);
  const isAsked = connection.serviceFlags.and(tellingMarks.spoken).eq(0);
  when(
    isTcp.and(isAsked),
    () => {
      const header = parsed.transport.fork();
      const { dataOffset } = header.read(Tcp).orPass(reasons.truncated);
      const words = dataOffset.shr(4).toU32();
      when(words.gt(Tcp.size / 4), () => {
        const first = header.fork().read(Word).orPass(reasons.truncated);
        const isTimestamp = words.eq(TIMESTAMP_ALONE.words).and(first.value.eq(TIMESTAMP_ALONE.first));
        if (!isCrossing) when(isTimestamp.not(), () => todo.set(u32(todos.blot)), { isRare: true });
      });
      if (!method.hasLocalAddress) return;
      const isWhole = network.isFragment.not();
      const hasRoom = words.le((LONGEST_HEADER - size) / 4);
      const fits = hasRoom.and(length.add(size).le(hop.mtu)).and(isWhole);
      const isOpen = flags.and(TCP_SYN | TCP_RST).eq(0);
      when(isOpen.and(fits), () => {
        const isOne = packet.segmentPayload()?.eq(0);
        const wants = tellsClient(maps, connection);
        when(isOne === undefined ? wants : wants.and(isOne), () => {
          todo.set(todo.get().or(todos.tell));
          client.address = network.source;
          client.port = ports.source;
          client.reserved = be16(0);
        });
      });
    },
    { isRare: true },
  );
  const blot = (): void => {
    when(
      todo.get().and(todos.blot).ne(0),
      () => {
        // Rather none than one that says who knows what.
        guard(blotterOf(maps)({ packet, at: at(), value: u32(0) }).eq(0)).orDrop(reasons.internal);
      },
      { isRare: true },
    );
  };
  return () => {
    // What changes its family has been cleaned before: crossing/clean.ts.
    if (!isCrossing) blot();
    if (!method.hasLocalAddress) return;
    when(
      todo.get().and(todos.tell).ne(0),
      () => {
        const outcome = tell({ packet, network: networkOffset, at: at(), client });
        when(outcome.eq(0), () => mark(connection, tellingMarks.told));
      },
      { isRare: true },
    );
  };
}

/**
 * A server's packet: once it has sent data or its end, its handshake is complete; who it is not told of by then counts.
 */
export function noteServerSpoke({ maps, parsed, connection }: Omit<Told, "hop" | "method" | "sentIn">): void {
  const { protocol, network, flags } = parsed;
  const { spoken, told } = tellingMarks;
  const isWaited = connection.serviceFlags.and(spoken).eq(0).and(protocol.eq(IPPROTO_TCP));
  when(
    isWaited.and(flags.and(TCP_SYN | TCP_RST).eq(0)),
    () => {
      const { dataOffset } = parsed.transport.fork().read(Tcp).orPass(reasons.truncated);
      const hasData = dataOffset.shr(4).shl(2).ne(network.payloadLength);
      when(hasData.or(flags.and(TCP_FIN).ne(0)), () => {
        when(connection.serviceFlags.and(told).eq(0).and(tellsClient(maps, connection)), () => {
          maps.loads.lookup(connection.destination).then((load) => atomic(load, Load, "clientsUntold").add(1));
        });
        mark(connection, spoken);
      });
    },
    { isRare: true },
  );
}

function tellsClient(maps: BalancerMaps, { destination }: ConnectionReference): Bool {
  const tells = variable(u32(0));
  maps.destinations.lookup(destination).then(({ flags }) => tells.set(flags.and(destinationFlags.tellsClient)));
  return tells.get().ne(0);
}

function mark(connection: ConnectionReference, bit: number): void {
  connection.serviceFlags = connection.serviceFlags.or(bit).toU8();
}

function unmark(connection: ConnectionReference, bits: number): void {
  connection.serviceFlags = connection.serviceFlags.and(0xff ^ bits).toU8();
}
