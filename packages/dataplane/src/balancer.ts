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
import { currentTick } from "./clock.ts";
import { connectionFunctions, type ConnectionFunctions, transitionBase } from "./connection.ts";
import { families, type Family } from "./family.ts";
import type { ForwardingMethod, ServiceAddress } from "./forward/method.ts";
import { hasReplies, methods } from "./forward/registry.ts";
import { type ConnectionReference, type FlowReference, isExpired, REPLY } from "./life.ts";
import { etherTypes, networkHeader } from "./network-header.ts";
import { resolve } from "./next-hop.ts";
import { openFunction } from "./open.ts";
import { OPENED } from "./outcome.ts";
import { type Frame, parseFrame, type Parsed, parseTransport } from "./parse.ts";
import { firstDropCode, reasons } from "./reasons.ts";
import { findReplyByRule, requestFlow } from "./reply.ts";
import { needsRevisit, revisitFunction, SUPERSEDED } from "./revisit.ts";
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
  readonly open: ReturnType<typeof openFunction>;
  readonly revisit: ReturnType<typeof revisitFunction>;
}

/** One packet on the road. */
interface Traveller {
  readonly parsed: Parsed;
  readonly flow: FlowReference;
  readonly now: Int<"u32">;
}

/** The balancer for a shape, on these maps. */
export function balancer(maps: BalancerMaps, shape: BalancerShape): ProgramDefinition {
  const schedule = scheduleFunction(maps, shape);
  const roads = shape.families.map((name): Road => {
    const family = families[name];
    const connections = connectionFunctions(maps, shape, family);
    const open = openFunction(maps, shape, family, { connections, schedule });
    return { maps, shape, family, connections, open, revisit: revisitFunction(maps, family, connections) };
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
  const traveller = { parsed, flow: flowOf(family, parsed), now: currentTick(maps, shape) };
  const connection = findConnection(road, traveller);
  for (const name of shape.methods) {
    const method = methods[name];
    when(connection.method.eq(method.code), () => leave(forwardRequest(road, traveller, connection, method)));
  }
  leave(drop(reasons.internal));
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

/** The client's connection, opened now if need be. Replies and packets that may open none leave here. */
function findConnection(road: Road, traveller: Traveller): ConnectionReference {
  const { maps, shape, family, connections, open, revisit } = road;
  const { parsed, flow, now } = traveller;
  const { flags } = parsed;
  const opened = stack(family.Connection, undefined, { share: "opened" });
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
          when(outcome.eq(SUPERSEDED), () => isNew.set(u32(1))).otherwise(() => leaveUnless(outcome));
        },
        { isRare: true },
      );
      when(isNew.get().eq(0), () => {
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
      leaveUnless(open({ flow, flags, now, connection: opened }));
      connection.set(opened);
    },
    { isRare: true },
  );
  return connection.get();
}

/** Leaves for the reason in `outcome`, unless it is OPENED. */
function leaveUnless(outcome: Int<"u32">): void {
  when(outcome.ne(OPENED), () => {
    const code = outcome.sub(1);
    guard(code.lt(firstDropCode)).orLeave(drop(code));
    leave(pass(code));
  });
}

/** Sends a client's packet to its destination. */
function forwardRequest(
  { maps, shape }: Road,
  { parsed, now }: Traveller,
  connection: ConnectionReference,
  method: ForwardingMethod,
): Verdict {
  const path = maps.paths.lookup(connection.destination).orDrop(reasons.internal);
  path.packetsIn = path.packetsIn.add(1);
  path.bytesIn = path.bytesIn.add(parsed.network.length);
  const { target } = method.request(parsed, connection);
  resolve(maps, parsed, method, { target, hop: path.hop, isOther: u32(0).ne(0) }, now);
  parsed.network.decrementHops();
  return transmit(parsed, path.hop, shape);
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
  guard(isExpired(connection.life, now).not()).orPass(reasons.replyWithoutConnection);
  const opening = () => stack(family.FlowKey, requestFlow(flow, service), { share: "opened" });
  const packet = { base: transitionBase("reply", parsed.flags), now, flow: opening };
  connections.touch(connection, packet, () => leave(pass(reasons.replyWithoutConnection)));
  connections.templates.answered(parsed.protocol, connection, opening);
  const path = maps.paths.lookup(connection.destination).orDrop(reasons.internal);
  path.packetsOut = path.packetsOut.add(1);
  path.bytesOut = path.bytesOut.add(parsed.network.length);
  for (const name of shape.methods) {
    const method = methods[name];
    const { reply } = method;
    if (reply === undefined) continue;
    when(connection.method.eq(method.code), () => {
      const { target } = reply(parsed, service);
      const client = maps[family.name].clientHops.lookup(clientSlot(target)).orDrop(reasons.internal);
      const isOther = isSameAddress(client.address, target).not();
      resolve(maps, parsed, method, { target, hop: client.hop, isOther }, now);
      client.address = target;
      parsed.network.decrementHops();
      leave(transmit(parsed, client.hop, shape));
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
