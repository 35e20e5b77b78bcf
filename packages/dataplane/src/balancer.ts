// The packet's road from end to end: parse → find connection, or match a service and schedule →
// forward. Composes the stations; each has a file of its own.

import {
  drop,
  guard,
  type Int,
  leave,
  type Packet,
  type ProgramDefinition,
  pass,
  referenceVariable,
  stack,
  u32,
  type Verdict,
  variable,
  when,
  xdp,
} from "@yardmaster/ebpf";
import { type Address, isSameAddress, wordsOf } from "./address.ts";
import { answer } from "./answer/answer.ts";
import { Refusal } from "./answer/refusal.ts";
import { currentTick } from "./clock.ts";
import { connectionFunctions, type ConnectionFunctions, transitionBase } from "./connection.ts";
import { families, type Family } from "./family.ts";
import type { ForwardingMethod, ServiceAddress } from "./forward/method.ts";
import { hasReplies, methods } from "./forward/registry.ts";
import { type Insert, insertion } from "./insert.ts";
import { type ConnectionReference, type FlowReference, isExpired, REPLY } from "./life.ts";
import { etherTypes, networkHeader } from "./network-header.ts";
import { resolve } from "./next-hop.ts";
import { type Open, opening } from "./open.ts";
import { failure, OPENED, RESET, SUPERSEDED } from "./outcome.ts";
import { type Frame, parseFrame, type Parsed, parseTransport } from "./parse.ts";
import { firstDropCode, reasons } from "./reasons.ts";
import { findReplyByRule, requestFlow } from "./reply.ts";
import { needsRevisit, revisitFunction } from "./revisit.ts";
import { scheduleFunction } from "./schedule/choose.ts";
import { type BalancerMaps, CLIENT_HOPS } from "./schema.ts";
import type { BalancerShape } from "./shape.ts";
import { transmit } from "./transmit.ts";

/** What the stations of one program share, for the packets of one family. */
interface Road {
  readonly maps: BalancerMaps;
  readonly shape: BalancerShape;
  readonly family: Family;
  readonly connections: ConnectionFunctions;
  readonly open: Open;
  readonly insert: Insert;
  readonly revisit: ReturnType<typeof revisitFunction>;
}

/** One packet on the road. */
interface Traveller {
  readonly parsed: Parsed;
  readonly flow: FlowReference;
  readonly now: Int<"u32">;
  /** Set where the packet is to be answered instead of forwarded. */
  readonly refusal: Refusal;
}

/** The balancer for a shape, on these maps. */
export function balancer(maps: BalancerMaps, shape: BalancerShape): ProgramDefinition {
  const schedule = scheduleFunction(maps, shape);
  const roads = shape.families.map((name): Road => {
    const family = families[name];
    const connections = connectionFunctions(maps, shape, family);
    const open = opening(maps, shape, family, { connections, schedule });
    const insert = insertion(maps, shape, family, connections);
    return { maps, shape, family, connections, open, insert, revisit: revisitFunction(maps, family, connections) };
  });
  const body = (packet: Packet): Verdict => {
    const frame = parseFrame(packet, shape);
    for (const road of roads) {
      when(frame.type.eq(etherTypes[road.family.name]), () => travel(road, frame));
    }
    return pass(reasons.otherProtocol);
  };
  return xdp("yardmaster", body, { count: (reason) => countVerdict(maps, reason) });
}

/** The road of a packet of one family, to its end. */
function travel(road: Road, frame: Frame): void {
  const { maps, shape, family } = road;
  const parsed = parseTransport(frame, networkHeader(family, frame.packet, frame.networkOffset));
  const now = currentTick(maps, shape);
  const traveller = { parsed, flow: flowOf(family, parsed), now, refusal: new Refusal() };
  const connection = findConnection(road, traveller);
  when(traveller.refusal.isSet.not(), () => {
    for (const name of shape.methods) {
      const method = methods[name];
      when(connection().method.eq(method.code), () => forwardRequest(road, traveller, connection(), method));
    }
  });
  guard(traveller.refusal.isSet).orDrop(reasons.internal);
  answer({ maps, shape, now }, parsed, traveller.refusal);
}

/** The key of the packet's flow, as it arrived. */
function flowOf({ FlowKey }: Family, { network, ports, protocol }: Parsed): FlowReference {
  return stack(
    FlowKey,
    {
      source: network.source,
      destination: network.destination,
      sourcePort: ports.source,
      destinationPort: ports.destination,
      protocol: protocol.toU32(),
    },
    { share: "flow" },
  );
}

/**
 * The client's connection, opened now if need be; there is none where the packet is refused. Replies and packets that
 * may open none leave here.
 */
function findConnection(road: Road, traveller: Traveller): () => ConnectionReference {
  const { maps, shape, family, connections, open, insert, revisit } = road;
  const { parsed, flow, now, refusal } = traveller;
  const { flags } = parsed;
  const connection = referenceVariable(family.Connection);
  const isNew = variable(u32(1));
  maps[family.name].connections.lookup(flow).then((found) => {
    if (hasReplies(shape.methods)) {
      when(found.direction.eq(REPLY), () => {
        const client = maps[family.name].connections
          .lookup(requestFlow(flow, found))
          .orPass(reasons.replyWithoutConnection);
        forwardReply(road, traveller, client, found);
      });
    }
    when(isExpired(found.life, now).not(), () => {
      connection.set(found);
      isNew.set(u32(0));
      when(
        needsRevisit(maps, flags),
        () => {
          const outcome = revisit({ connection: found, flags, now });
          when(outcome.eq(SUPERSEDED), () => isNew.set(u32(1))).otherwise(() => {
            when(outcome.eq(RESET), () => refusal.set("reset")).otherwise(() => leaveUnless(outcome));
          });
        },
        { isRare: true },
      );
      when(isNew.get().eq(0).and(refusal.isSet.not()), () => {
        const packet = { base: transitionBase(found.table.toU32(), flags), now, flow: () => flow };
        connections.touch(found, packet, () => isNew.set(u32(1)));
      });
    });
  });
  when(
    isNew.get().ne(0),
    () => {
      if (hasReplies(shape.methods)) {
        findReplyByRule(maps[family.name], flow, (client, service) => forwardReply(road, traveller, client, service));
      }
      const opened = maps[family.name].opened.lookup(0).orDrop(reasons.internal);
      const outcome = variable(u32(0));
      open({ flow, flags, now, connection: opened }, outcome);
      insert({ flow, now, connection: opened }, outcome);
      const refuses = outcome.get().eq(failure(reasons.noDestination)).and(maps.settings.value.refusesByIcmp.ne(0));
      when(refuses, () => refusal.set("portUnreachable")).otherwise(() => {
        leaveUnless(outcome.get());
        connection.set(opened);
      });
    },
    { isRare: true },
  );
  return () => connection.get();
}

/** Leaves for the reason in `outcome`, unless it is OPENED. */
function leaveUnless(outcome: Int<"u32">): void {
  when(outcome.ne(OPENED), () => {
    const code = outcome.sub(1);
    guard(code.lt(firstDropCode)).orLeave(drop(code));
    leave(pass(code));
  });
}

/** Sends a client's packet to its destination, and leaves; or notes why it is refused. */
function forwardRequest(
  { maps, shape }: Road,
  { parsed, now, refusal }: Traveller,
  connection: ConnectionReference,
  method: ForwardingMethod,
): void {
  const { network } = parsed;
  const path = maps.paths.lookup(connection.destination).orDrop(reasons.internal);
  path.packetsIn = path.packetsIn.add(1);
  path.bytesIn = path.bytesIn.add(network.length);
  const { hop } = path;
  const giveUp = ({ verdict, reason }: ForwardingMethod["whenTooLarge"]): void => {
    if (verdict === "drop") leave(drop(reason));
    method.request(parsed, connection);
    leave(pass(reason));
  };
  const way = { target: method.target(connection), hop, isOther: u32(0).ne(0) };
  resolve(maps, parsed, way, now, () => giveUp(method.whileUnresolved));
  const isTooBig = network.length.gt(hop.mtu);
  when(network.hops.le(1), () => refusal.set("timeExceeded"), { isRare: true });
  when(
    refusal.isSet.not().and(isTooBig),
    () => {
      when(network.mayBeFragmented, () => giveUp(method.whenTooLarge));
      network.decrementHops();
      refusal.set("tooBig", hop.mtu.toU32());
    },
    { isRare: true },
  );
  when(refusal.isSet.not(), () => {
    network.decrementHops();
    method.request(parsed, connection);
    leave(transmit(parsed, hop, shape));
  });
}

/** Sends a server's packet back to the client whose connection it belongs to, and leaves. */
function forwardReply(
  road: Road,
  traveller: Traveller,
  connection: ConnectionReference,
  service: ServiceAddress,
): void {
  const { maps, shape, family, connections } = road;
  const { parsed, now, flow } = traveller;
  const { network } = parsed;
  guard(isExpired(connection.life, now).not()).orPass(reasons.replyWithoutConnection);
  const opening = () => stack(family.FlowKey, requestFlow(flow, service), { share: "opened" });
  const packet = { base: transitionBase("reply", parsed.flags), now, flow: opening };
  connections.touch(connection, packet, () => leave(pass(reasons.replyWithoutConnection)));
  connections.templates.answered(parsed.protocol, connection, opening);
  const path = maps.paths.lookup(connection.destination).orDrop(reasons.internal);
  path.packetsOut = path.packetsOut.add(1);
  path.bytesOut = path.bytesOut.add(network.length);
  for (const name of shape.methods) {
    const method = methods[name];
    const { reply } = method;
    if (reply === undefined) continue;
    when(connection.method.eq(method.code), () => {
      reply(parsed, service);
      const target = network.destination;
      const client = maps[family.name].clientHops.lookup(clientSlot(target)).orDrop(reasons.internal);
      const { hop } = client;
      const isOther = isSameAddress(client.address, target).not();
      resolve(maps, parsed, { target, hop, isOther }, now, () => leave(pass(reasons.neighbourUnresolved)));
      client.address = target;
      guard(network.length.le(hop.mtu)).orPass(reasons.exceedsMtu);
      guard(network.hops.gt(1)).orDrop(reasons.timeToLiveExceeded);
      network.decrementHops();
      leave(transmit(parsed, hop, shape));
    });
  }
  leave(drop(reasons.internal));
}

/** Where a client's next hop is cached: the upper bits of a multiplicative hash. */
function clientSlot(address: Address): Int<"u32"> {
  const [first, ...rest] = wordsOf(address).map((word) => word.raw()) as [Int<"u32">, ...Int<"u32">[]];
  const folded = rest.reduce((sum: Int<"u32">, word) => sum.xor(word), first);
  return folded.mul(0x9e37_79b1).shr(32 - Math.log2(CLIENT_HOPS));
}

function countVerdict(maps: BalancerMaps, reason: Int<"u32">): void {
  maps.verdicts.lookup(reason).then((counter) => {
    counter.packets = counter.packets.add(1);
  });
}
