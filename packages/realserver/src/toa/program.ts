// The client's address given back after full NAT, without a kernel module. The director carries address and port of the
// client in a TCP option of the packet that completes the handshake; `sock_ops` reads it at that moment, the one time
// in a connection's life that matters, and leaves it with the socket; `getpeername` hands it to whoever asks, which
// includes accept(2) (inet_accept and inet6_getname, net/ipv4/af_inet.c and net/ipv6/af_inet6.c).
import {
  AF_INET6,
  arrayMap,
  be16,
  be32,
  bytes,
  getPeerName,
  guard,
  type Int,
  leave,
  list,
  lpmTrie,
  type Net,
  pass,
  type ProgramDefinition,
  type Reason,
  repeat,
  SocketEvent,
  type SocketOperations,
  socketOperations,
  socketStorage,
  stack,
  struct,
  u32,
  u64,
  u8,
  variable,
  when,
} from "@yardmaster/ebpf";
import { Address, MAPPED_WORD } from "../addresses.ts";

/** Kind 254 with 8 bytes carries an IPv4 client, with 20 bytes an IPv6 one, as DPVS and the toa modules write it. */
const OPTION_KIND = 254;
/** Under this kind some write IPv6 clients, with 20 bytes too. */
const OPTION_KIND_IPV6 = 253;
const LENGTH_IPV4 = 8;
const LENGTH_IPV6 = 20;
/** RFC 9293, 3.1: the header without options, and the kinds without a length. */
const HEADER_BYTES = 20;
const KIND_END = 0;
const KIND_NOTHING = 1;
const MOST_OPTION_BYTES = 40;
/** Lets the verifier see that a place in the header is below 64. */
const MOST_HEADER_BYTES = 63;

/** What may come of a connection that reaches this machine. */
export const toaReasonNames = ["kept", "withoutOption", "fromStranger", "noMemory"] as const;
type ReasonName = (typeof toaReasonNames)[number];

const TcpStart = struct("tcp_start", { before: bytes(12), dataOffset: u8, behind: bytes(7) });
const OptionKind = struct("option_kind", { kind: u8 });
const OptionStart = struct("option_start", { kind: u8, length: u8 }, { packed: true });
const Option4 = struct("toa_ipv4", { kind: u8, length: u8, port: be16, address: be32 }, { packed: true });
const Option6 = struct("toa_ipv6", { kind: u8, length: u8, port: be16, address: list(be32, 4) }, { packed: true });
const Client = struct("client", { address: list(be32, 4), port: be16, unused: be16 });
const Counter = struct("counter", { connections: u64 });
const Allowed = struct("allowed", { unused: u32 });

/** Who may say who a client is: the local addresses of directors. */
export const directors = lpmTrie("rs_directors", Address, Allowed, 1024);
/** The client of each connection that came with one. */
export const clients = socketStorage("rs_clients", Client);
/** How many connections had each end, in the order of `toaReasonNames`, per CPU. */
export const toaCounts = arrayMap("rs_toa_counts", Counter, toaReasonNames.length, { perCpu: true });

const reason = (name: ReasonName): Reason => ({ name, code: toaReasonNames.indexOf(name) });

/** Reads the option as a connection is established. */
export const keepClient: ProgramDefinition = socketOperations(
  "rs_keep_client",
  (context) => {
    guard(context.fields.event.eq(SocketEvent.passiveEstablished)).orPass();
    const header = context.tcpHeader();
    const tcp = header.read(TcpStart).orPass();
    const headerBytes = tcp.dataOffset.shr(4).shl(2);
    const at = variable(u32(HEADER_BYTES));
    repeat(MOST_OPTION_BYTES, (_index, round) => {
      const here = at.get();
      when(here.ge(headerBytes), () => round.stop());
      const option = header.cursorAt(here.and(MOST_HEADER_BYTES)).read(OptionKind).orPass(reason("withoutOption"));
      when(option.kind.eq(KIND_END), () => round.stop());
      when(option.kind.eq(KIND_NOTHING), () => {
        at.set(here.add(1));
        round.next();
      });
      const start = header.cursorAt(here.and(MOST_HEADER_BYTES)).read(OptionStart).orPass(reason("withoutOption"));
      when(start.kind.eq(OPTION_KIND).and(start.length.eq(LENGTH_IPV4)), () => {
        const found = header.cursorAt(here.and(MOST_HEADER_BYTES)).read(Option4).orPass(reason("withoutOption"));
        keep(context, { port: found.port, words: [be32(0), be32(0), be32(MAPPED_WORD), found.address] });
      });
      const isKindOfIpv6 = start.kind.eq(OPTION_KIND).or(start.kind.eq(OPTION_KIND_IPV6));
      when(isKindOfIpv6.and(start.length.eq(LENGTH_IPV6)), () => {
        const found = header.cursorAt(here.and(MOST_HEADER_BYTES)).read(Option6).orPass(reason("withoutOption"));
        keep(context, { port: found.port, words: [0, 1, 2, 3].map((index) => found.address.at(index)) });
      });
      when(start.length.lt(2), () => round.stop());
      at.set(here.add(start.length));
    });
    return pass(reason("withoutOption"));
  },
  { count },
);

function count(code: Int<"u32">): void {
  toaCounts.lookup(code).then((counter) => {
    counter.connections = counter.connections.add(1);
  });
}

/** Leaves the client with the socket, if the peer may say who a client is; ends the program. */
function keep(context: SocketOperations, client: { readonly port: Net<"be16">; readonly words: Net<"be32">[] }): void {
  const peer = stack(Address);
  const mapped = [be32(0), be32(0), be32(MAPPED_WORD), context.fields.remoteAddress4];
  mapped.forEach((word, index) => peer.words.set(index, word));
  when(context.fields.family.eq(AF_INET6), () => {
    for (const index of [0, 1, 2, 3]) peer.words.set(index, context.fields.remoteAddress6.at(index));
  });
  directors.lookup(peer).orPass(reason("fromStranger"));
  const socket = context.socket().orPass(reason("noMemory"));
  const kept = clients.getOrCreate(socket).orPass(reason("noMemory"));
  client.words.forEach((word, index) => kept.address.set(index, word));
  kept.port = client.port;
  leave(pass(reason("kept")));
}

/** What sockets of IPv4 are told. A client of the other family cannot be told there: they see the director. */
export const tellClient4: ProgramDefinition = getPeerName("rs_client4", 4, ({ fields, socket }) => {
  const client = clients.get(socket).orPass();
  guard(client.address.at(2).eq(MAPPED_WORD)).orPass();
  guard(client.address.at(0).raw().or(client.address.at(1).raw()).eq(0)).orPass();
  fields.userAddress4 = client.address.at(3);
  fields.userPort = client.port.raw().toU32();
  return pass();
});

/** What sockets of IPv6 are told: clients of IPv4 in the mapped form, as such sockets see all of them. */
export const tellClient6: ProgramDefinition = getPeerName("rs_client6", 6, ({ fields, socket }) => {
  const client = clients.get(socket).orPass();
  for (const index of [0, 1, 2, 3]) fields.userAddress6.set(index, client.address.at(index));
  fields.userPort = client.port.raw().toU32();
  return pass();
});
