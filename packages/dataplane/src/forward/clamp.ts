// What SYNs announce that their sender takes in one segment (the MSS option, RFC 9293 §3.7.1), made no larger than the
// ways take that the other end's segments come by: segments that are too large are then never sent, and nobody depends
// on ICMP errors that are lost on their way. Where servers answer through the director both directions are seen, and so
// are both ways. Where they answer directly, a client's SYN limits what the director never sees, and a server's is not
// seen: then only what the settings say is done.

import { choose, fn, guard, type Int, Packet, stack, struct, u32, viewAs, when } from "@yardmaster/ebpf";
import { crossesFrom } from "../crossing/crossing.ts";
import { type Address, AnyAddress, isSameAddress } from "../address.ts";
import { destinationFlags } from "../destination.ts";
import type { Family, FamilyName } from "../family.ts";
import { OPENING } from "../flows.ts";
import { Ipv4, Ipv6, Tcp, TCP_SYN } from "../headers.ts";
import type { ConnectionReference } from "../life.ts";
import { type AskRouting, mtuOf } from "../next-hop.ts";
import type { Parsed } from "../parse.ts";
import type { BalancerMaps } from "../schema.ts";
import { type BalancerShape, hasFeature } from "../shape.ts";
import { addressOptionSize } from "./client-address.ts";
import { clientSlot } from "./client-hop.ts";
import { methods } from "./registry.ts";
import { type EditOptions, editFunction, settleEdit } from "./tcp-options.ts";

/** RFC 9293 §3.2: kind 2, length 4, and a number of 16 bits. */
const SEGMENT_OPTION = { kind: 2, length: 4 } as const;
/** More than any segment has. */
const NO_LIMIT = 0xffff;
/** Bytes of a packet that are no segment's: IP and TCP headers without options (RFC 6691 §2). */
const HEADERS: Readonly<Record<FamilyName, number>> = { ipv4: Ipv4.size + Tcp.size, ipv6: Ipv6.size + Tcp.size };

/** The function that lowers what a SYN announces to `value`, if it is more. */
export function lowerFunction(maps: BalancerMaps, shape: BalancerShape): EditOptions | undefined {
  if (!hasFeature(shape, "mssClamp")) return undefined;
  return editFunction(maps, "clamp", {
    unreadable: 0,
    begin: ({ text, index, kind, stated, isWhole, state }) => {
      const isIt = kind.eq(SEGMENT_OPTION.kind).and(stated.eq(SEGMENT_OPTION.length)).and(isWhole);
      when(isIt, () => {
        const [high, low] = [text.masked(index.add(2)), text.masked(index.add(3))];
        when(high.value.toU32().shl(8).or(low.value).gt(state.value), () => {
          high.value = state.value.shr(8).toU8();
          low.value = state.value.toU8();
          state.isChanged = u32(1);
        });
      });
    },
  });
}

interface Parts {
  readonly maps: BalancerMaps;
  readonly shape: BalancerShape;
  readonly family: Family;
  readonly askRouting: AskRouting;
}

/** A packet that may be a SYN, and the connection that it is of, as the client knows it. */
interface Passing {
  readonly parsed: Parsed;
  readonly connection: ConnectionReference;
  readonly ends: { readonly client: Address; readonly service: Address };
  readonly from: "client" | "server";
  readonly now: Int<"u32">;
}

/** Lowers what a SYN announces, before anything else changes. Nothing in the packet moves. */
export type Clamp = (passing: Passing) => void;

/** What clamps a family's SYNs, if the shape has it. */
export function clampOf(parts: Parts, lower: EditOptions | undefined): Clamp | undefined {
  if (lower === undefined) return undefined;
  const Ends = endsType(parts.family);
  const fitting = fittingFunction(parts, Ends);
  return ({ parsed: { packet, network, flags }, connection, ends, from, now }) => {
    // What has no hops left is quoted to its sender as it came. Not marked as rare: the verifier is to walk through
    // these packets first, and then finds all others to be like them.
    when(flags.and(TCP_SYN).ne(0).and(network.hops.gt(1)), () => {
      const both = stack(Ends, ends, OPENING);
      const isReply = u32(from === "server" ? 1 : 0);
      const value = fitting({ packet, connection, ends: both, isReply, now });
      const at = network.payloadOffset;
      const sum = lower({ packet, at, value });
      settleEdit(packet, at, sum);
    });
  };
}

const endsType = ({ digit, Address }: Family) => struct(`clamp_ends${digit}`, { client: Address, service: Address });

/** The function that says what a SYN may announce: what the settings say, or what the ways to both ends take. */
function fittingFunction(parts: Parts, Ends: ReturnType<typeof endsType>) {
  const { maps, shape, family } = parts;
  return fn(
    `segments${family.digit}`,
    { packet: Packet, connection: family.Connection, ends: Ends, isReply: u32, now: u32 },
    u32,
    ({ packet, connection, ends, isReply, now }) => {
      const { mssClamp } = maps.settings.value;
      guard(mssClamp.eq(0)).orReturn(mssClamp);
      if (hasFeature(shape, "translatedFamilies")) {
        // Each side's links make its own segments fit: in IPv6 they are smaller by what its header is longer.
        const { flags } = maps.destinations.lookup(connection.destination).orReturn(NO_LIMIT);
        const isTranslated = connection.method.eq(methods.fullnat.code).and(crossesFrom(family, flags));
        guard(isTranslated.not()).orReturn(NO_LIMIT);
      }
      // Of the others, servers' segments take ways that are not known here.
      const translating = shape.methods.map((name) => methods[name]).filter(({ hasReplies }) => hasReplies);
      const isOne = translating.map(({ code }) => connection.method.eq(code));
      guard(isOne.reduce((any, one) => any.or(one), u32(0).ne(0))).orReturn(NO_LIMIT);
      const toServer = towardsServer(parts, packet, { connection, ends, isReply, now });
      return smaller({ one: toServer, other: towardsClient(parts, packet, ends, now) });
    },
    { isGlobal: true },
  );
}

function towardsClient(parts: Parts, packet: Packet, ends: Passing["ends"], now: Int<"u32">): Int<"u32"> {
  const { client, service } = ends;
  const slot = parts.maps[parts.family.name].clientHops.lookup(clientSlot(client)).orReturn(NO_LIMIT);
  const isOther = isSameAddress(slot.address, client).not();
  const mtu = mtuOf(parts, packet, { target: client, source: service, hop: slot.hop, isOther }, now);
  return segmentIn(mtu, parts.family);
}

/** What a client sends gets its address on the way, where the server is told. */
function towardsServer(
  parts: Parts,
  packet: Packet,
  { connection, ends, isReply, now }: Pick<Passing, "connection" | "ends" | "now"> & { readonly isReply: Int<"u32"> },
): Int<"u32"> {
  const { maps, shape, family } = parts;
  const { hop } = maps.paths.lookup(connection.destination).orReturn(NO_LIMIT);
  const { address, flags } = maps.destinations.lookup(connection.destination).orReturn(NO_LIMIT);
  const target = viewAs(address, AnyAddress, family.Address);
  const mtu = mtuOf(parts, packet, { target, source: ends.client, hop, isOther: u32(0).ne(0) }, now);
  if (!hasFeature(shape, "toa")) return segmentIn(mtu, family);
  const isHidden = connection.method.eq(methods.fullnat.code);
  const isTold = flags.and(destinationFlags.tellsClient).ne(0).and(isHidden).and(isReply.ne(0));
  return segmentIn(mtu, family, choose(isTold, u32(addressOptionSize(family)), u32(0)));
}

/** Bytes of the segments that packets of `mtu` bytes carry; NO_LIMIT where nothing is known of it, or nothing sane. */
function segmentIn(mtu: Int<"u32">, { name }: Family, besides = u32(0)): Int<"u32"> {
  return room({ mtu, headers: besides.add(HEADERS[name]) });
}

// Functions of their own: the verifier then does not keep each of their results apart.
const room = fn(
  "segment_room",
  { mtu: u32, headers: u32 },
  u32,
  ({ mtu, headers }) => choose(mtu.gt(headers), mtu.sub(headers), u32(NO_LIMIT)),
  { isGlobal: true },
);
const smaller = fn("smaller", { one: u32, other: u32 }, u32, ({ one, other }) => choose(one.lt(other), one, other), {
  isGlobal: true,
});
