// The steps of ICMP errors about packets that changed their address family: an error of the other family takes its
// place, about the packet as its sender sent it. What came with it is not kept but for the quoted packet: the error is
// new, from whom its receiver wrote to, with hops of its own. Rules: RFC 7915, sections 4.2, 4.3, 5.2 and 5.3.

import { choose, drop, guard, leave, Packet, u32, type Verdict, verdict, verdictFn, when } from "@yardmaster/ebpf";
import { HEADERS, LONGEST, writeIcmpError } from "../answer/icmp-error.ts";
import { currentTick } from "../clock.ts";
import { type Family, otherFamily } from "../family.ts";
import { writeOuter } from "../forward/encapsulate/outer-header.ts";
import { HEADER_SIZES, Icmp, ICMP_PROTOCOLS, Ipv4, Ipv6, OWN_HOPS, Ports } from "../headers.ts";
import { quotedHeader } from "../icmp/quoted-header.ts";
import { DO_NOT_FRAGMENT, networkHeader, type NetworkHeader } from "../network-header.ts";
import { resolve } from "../next-hop.ts";
import { type Frame, parseFrame } from "../parse.ts";
import { pseudoHeader } from "../pseudo-header.ts";
import { reasons } from "../reasons.ts";
import { changeFamily, makeRoom, removeRoom } from "../room.ts";
import { transmit } from "../transmit.ts";
import { endsAcross } from "./crossing.ts";
import { localOf, serverOf } from "./cross-request.ts";
import { likeOf } from "./like-error.ts";
import { DIFFERENCE } from "./translate-packet.ts";
import { numberOf } from "../errand.ts";
import { sendToClient } from "../forward/send-to-client.ts";
import { countedPath } from "../forward/counters.ts";
import type { SendingRoad } from "../sending.ts";
import type { Endpoint } from "../forward/ends.ts";

/** What the first steps return in the place of a verdict, none of which is so large: the error is written. */
const WRITTEN = 0x4_0001;
/** More than any error is long that is believed, and what is before it. */
const LONGEST_SUM = 2047;
const READ_AHEAD = 22 + 60 + LONGEST_SUM;

/** Whose packet an error is about, and whom that was sent to: ends of the family that the error becomes one of. */
interface ErrorEnds {
  readonly receiver: Endpoint;
  readonly peer: Endpoint;
}

/** The steps of errors of a family. */
export type CrossError = ReturnType<typeof crossErrorFunctions>;

/** Makes them. Each of the two leaves with the error on its way. */
export function crossErrorFunctions(road: SendingRoad) {
  const { maps, shape, family } = road;
  const { FlowKey, Connection, digit } = family;
  const to = otherFamily(family);
  const writeToServer = verdictFn(
    `cross_err_out${digit}`,
    { packet: Packet, flow: FlowKey, connection: Connection },
    ({ packet, flow, connection }) => {
      const { networkOffset } = parseFrame(packet, shape);
      countedPath(maps, connection, networkHeader(family, packet, networkOffset).length);
      const server = serverOf(maps, to, connection, flow.destinationPort);
      return writeError(road, packet, { receiver: server, peer: localOf(maps, family, to, connection) });
    },
    { isGlobal: true },
  );
  const writeToClient = verdictFn(
    `cross_err_in${digit}`,
    { packet: Packet, flow: FlowKey },
    ({ packet, flow }) => {
      const entry = maps[family.name].localFlows.lookup(flow).orPass(reasons.icmpWithoutConnection);
      const { client, service } = endsAcross(maps, family, flow, entry, reasons.icmpWithoutConnection);
      return writeError(road, packet, { receiver: client, peer: service });
    },
    { isGlobal: true },
  );
  const [sendToServer, sendBackToClient] = [serverFunction(road), clientFunction(road)];
  type Arguments = Parameters<typeof writeToServer>[0];
  const assertWritten = (written: Verdict): void => guard(numberOf(written).eq(WRITTEN)).orLeave(written);
  return {
    /** An error about a server's packet, in the flow of the client's: `connection` is that one's. */
    toServer: ({ packet, flow, connection }: Arguments): void => {
      assertWritten(writeToServer({ packet, flow, connection }));
      leave(sendToServer({ packet, flow, connection }));
    },
    /** An error about a client's packet, in the flow of the server's. */
    toClient: ({ packet, flow }: Pick<Arguments, "packet" | "flow">): void => {
      assertWritten(writeToClient({ packet, flow }));
      leave(sendBackToClient({ packet }));
    },
  };
}

/** Writes the error of the other family in the place of one that was found to be good. */
function writeError({ shape, family }: SendingRoad, packet: Packet, { receiver, peer }: ErrorEnds): Verdict {
  const to = otherFamily(family);
  packet.makeReadable(READ_AHEAD);
  const frame = parseFrame(packet, shape);
  const network = networkHeader(family, packet, frame.networkOffset);
  const { networkOffset } = frame;
  const icmp = network.payload.fork().read(Icmp).orDrop(reasons.internal);
  assertWhole(family, packet, network);
  const like = likeOf(family.name, icmp);
  guard(like.ne(0).and(network.hasOptions.not())).orDrop(reasons.crossingError);
  const quoted = readQuoted(family, packet, network);
  const [ownHeader, newHeader] = [HEADER_SIZES[family.name], HEADER_SIZES[to.name]];
  const available = network.payloadLength.sub(Icmp.size + ownHeader);
  const most = LONGEST[to.name] - HEADERS[to.name] - newHeader;
  const kept = choose(available.gt(most), u32(most), available);
  const length = network.payloadOffset.add(Icmp.size + ownHeader).add(kept);
  guard(packet.adjustTail(length.sub(packet.length())).eq(0)).orDrop(reasons.internal);
  const place = { packet, networkOffset };
  changeFamily(place, to.name);
  if (to.name === "ipv6") makeRoom(place, DIFFERENCE);
  else removeRoom(place, u32(DIFFERENCE));
  const quotedAt = networkOffset.add(HEADERS[to.name]);
  writeOuter(
    to,
    packet.cursorAt(quotedAt),
    { source: receiver.address, destination: peer.address },
    {
      typeOfService: quoted.fields.shr(8).and(0xff),
      hops: quoted.fields.and(0xff),
      protocol: quoted.fields.shr(16),
      // What its sender had said of dividing it is not known any more.
      dontFragment: u32(DO_NOT_FRAGMENT),
      length: quoted.length,
      spread: u32(0),
    },
  );
  const ports = packet.cursorAt(quotedAt.add(newHeader)).read(Ports).orDrop(reasons.internal);
  ports.source = receiver.port;
  ports.destination = peer.port;
  const error = {
    ...{ packet, networkOffset, family: to.name, sender: peer.address },
    quoted: kept.add(newHeader),
    // One more, which is counted where it is sent.
    hops: OWN_HOPS + 1,
  };
  const number = (written: typeof icmp): void => {
    written.type = like.shr(24).toU8();
    written.code = like.shr(16).and(0xff).toU8();
    written.parameter = like.and(0xffff).toNet();
  };
  writeIcmpError(error, number, { before: u32(0), pending: undefined });
  return verdict(u32(WRITTEN));
}

/** A damaged error passes: its checksum is not carried over but made anew. */
function assertWhole(family: Family, packet: Packet, network: NetworkHeader): void {
  const bytes = packet.cursorAt(network.payloadOffset).checksum(network.payloadLength, { atMost: LONGEST_SUM });
  const summed = bytes.orPass(reasons.malformedIcmp);
  const covered = pseudoHeader(network, u32(ICMP_PROTOCOLS.ipv6), network.payloadLength);
  guard((family.name === "ipv4" ? summed : summed.plus(covered)).fold().eq(0)).orPass(reasons.malformedIcmp);
}

/** What the header of the quoted packet says: protocol, traffic class and hops in one number, and its new length. */
function readQuoted(family: Family, packet: Packet, network: NetworkHeader) {
  const { protocol } = quotedHeader(family, packet, network);
  const at = packet.cursorAt(network.payloadOffset.add(Icmp.size));
  const fields = protocol.toU32().shl(16);
  if (family.name === "ipv4") {
    const ip = at.read(Ipv4).orDrop(reasons.internal);
    guard(ip.versionAndLength.eq(0x45)).orDrop(reasons.crossingError);
    return {
      fields: fields.or(ip.typeOfService.toU32().shl(8)).or(ip.timeToLive.toU32()),
      length: ip.totalLength.toHost().toU32().add(DIFFERENCE),
    };
  }
  const ip = at.read(Ipv6).orDrop(reasons.internal);
  const trafficClass = ip.versionClassAndFlow.toHost().shr(20).and(0xff);
  return {
    fields: fields.or(trafficClass.shl(8)).or(ip.hopLimit.toU32()),
    length: ip.payloadLength.toHost().toU32().add(Ipv4.size).and(0xffff),
  };
}

/** The last step of an error to a server: the way that the client's packets go. */
function serverFunction(road: SendingRoad) {
  const { maps, family } = road;
  const to = otherFamily(family);
  return verdictFn(
    `cross_tell_out${to.digit}`,
    { packet: Packet, flow: family.FlowKey, connection: family.Connection },
    ({ packet, flow, connection }) => {
      const { parsed, now } = readWritten(road, to, packet);
      const { address: target } = serverOf(maps, to, connection, flow.destinationPort);
      const { hop } = maps.paths.lookup(connection.destination).orDrop(reasons.internal);
      resolve(road, parsed, { target, hop, isOther: u32(0).ne(0) }, now, {
        unresolved: () => leave(drop(reasons.serverNeighbourUnresolved)),
      });
      when(parsed.network.length.gt(hop.mtu), () => leave(drop(reasons.localExceedsMtu)), { isRare: true });
      parsed.network.decrementHops();
      return transmit(road, parsed, hop);
    },
    { isGlobal: true },
  );
}

/** The same to a client. */
function clientFunction(road: SendingRoad) {
  const to = otherFamily(road.family);
  return verdictFn(
    `cross_tell_in${to.digit}`,
    { packet: Packet },
    ({ packet }) => {
      sendToClient({ ...road, family: to }, readWritten(road, to, packet));
      return drop(reasons.internal);
    },
    { isGlobal: true },
  );
}

/** Reads an error that is written. */
function readWritten({ maps, shape }: SendingRoad, to: Family, packet: Packet) {
  const frame: Frame = parseFrame(packet, shape);
  const network = networkHeader(to, packet, frame.networkOffset);
  const ports = network.payload.fork().read(Ports).orDrop(reasons.internal);
  const { payload: transport, protocol } = network;
  const parsed = { ...frame, network, ports, transport, protocol, flags: u32(0) };
  return { parsed, now: currentTick(maps, shape) };
}
