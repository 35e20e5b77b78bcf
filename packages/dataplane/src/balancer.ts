// The packet's road from end to end: parse → find connection, or match a service and schedule →
// forward. Composes the stations; each has a file of its own.

import {
  drop,
  guard,
  type Int,
  leave,
  type Net,
  type Packet,
  type ProgramDefinition,
  pass,
  type Reference,
  referenceVariable,
  stack,
  u32,
  type Verdict,
  variable,
  when,
  xdp,
} from "@yardmaster/ebpf";
import { currentTick } from "./clock.ts";
import { connectionFunctions, isExpired, REPLY, transitionBase, type ConnectionFunctions } from "./connection.ts";
import type { ForwardingMethod, ServiceAddress } from "./forward/method.ts";
import { hasReplies, methods } from "./forward/registry.ts";
import { resolve } from "./next-hop.ts";
import { openFunction } from "./open.ts";
import { OPENED } from "./outcome.ts";
import { type Parsed, parse } from "./parse.ts";
import { firstDropCode, reasons } from "./reasons.ts";
import { findReplyByRule, requestFlow } from "./reply.ts";
import { type BalancerMaps, CLIENT_HOPS, Connection, FlowKey } from "./schema.ts";
import type { BalancerShape } from "./shape.ts";
import { decrementTimeToLive, transmit } from "./transmit.ts";

type FlowReference = Reference<typeof FlowKey.fields>;
type ConnectionReference = Reference<typeof Connection.fields>;

/** What the stations of one program share. */
interface Road {
  readonly maps: BalancerMaps;
  readonly shape: BalancerShape;
  readonly connections: ConnectionFunctions;
}

/** One packet on the road. */
interface Traveller {
  readonly parsed: Parsed;
  readonly flow: FlowReference;
  readonly now: Int<"u32">;
}

/** The balancer for a shape, on these maps. */
export function balancer(maps: BalancerMaps, shape: BalancerShape): ProgramDefinition {
  const road: Road = { maps, shape, connections: connectionFunctions(maps, shape) };
  const open = openFunction(maps, shape, road.connections);
  const body = (packet: Packet): Verdict => {
    const parsed = parse(packet, shape);
    const traveller = { parsed, flow: flowOf(parsed), now: currentTick(maps, shape) };
    const connection = findConnection(road, traveller, open);
    for (const name of shape.methods) {
      const method = methods[name];
      when(connection.method.eq(method.code), () => leave(forwardRequest(road, traveller, connection, method)));
    }
    return drop(reasons.internal);
  };
  return xdp("yardmaster", body, { count: (reason) => countVerdict(maps, reason) });
}

/** The key of the packet's flow, as it arrived. */
function flowOf({ ip, ports, protocol }: Parsed): FlowReference {
  return stack(FlowKey, {
    source: ip.source,
    destination: ip.destination,
    sourcePort: ports.source,
    destinationPort: ports.destination,
    protocol: protocol.toU32(),
  });
}

/** The client's connection, opened now if need be. Replies and packets that may open none leave here. */
function findConnection(road: Road, traveller: Traveller, open: ReturnType<typeof openFunction>): ConnectionReference {
  const { maps, shape, connections } = road;
  const { parsed, flow, now } = traveller;
  const opened = stack(Connection);
  const connection = referenceVariable(Connection);
  const isNew = variable(u32(1));
  maps.connections.lookup(flow).then((found) => {
    if (hasReplies(shape.methods)) {
      when(found.direction.eq(REPLY), () => {
        const client = maps.connections.lookup(requestFlow(flow, found)).orPass(reasons.replyWithoutConnection);
        forwardReply(road, traveller, client, found);
      });
    }
    when(isExpired(found.life, now).not(), () => {
      connection.set(found);
      isNew.set(u32(0));
      connections.touch(found, transitionBase(found.table.toU32(), parsed.flags), now, () => isNew.set(u32(1)));
    });
  });
  when(
    isNew.get().ne(0),
    () => {
      if (hasReplies(shape.methods)) {
        findReplyByRule(maps, flow, (client, service) => forwardReply(road, traveller, client, service));
      }
      const outcome = open({ flow, flags: parsed.flags, now, connection: opened });
      when(outcome.ne(OPENED), () => {
        const code = outcome.sub(1);
        guard(code.lt(firstDropCode)).orLeave(drop(code));
        leave(pass(code));
      });
      connection.set(opened);
    },
    { isRare: true },
  );
  return connection.get();
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
  path.bytesIn = path.bytesIn.add(parsed.ip.totalLength.toHost());
  const { target } = method.request(parsed, connection);
  resolve(maps, parsed, method, path.hop, target, now);
  decrementTimeToLive(parsed);
  return transmit(parsed, path.hop, shape);
}

/** Sends a server's packet back to the client whose connection it belongs to, and leaves. */
function forwardReply(
  { maps, shape, connections }: Road,
  { parsed, now }: Traveller,
  connection: ConnectionReference,
  service: ServiceAddress,
): void {
  guard(isExpired(connection.life, now).not()).orPass(reasons.replyWithoutConnection);
  connections.touch(connection, transitionBase("reply", parsed.flags), now, () =>
    leave(pass(reasons.replyWithoutConnection)),
  );
  const path = maps.paths.lookup(connection.destination).orDrop(reasons.internal);
  path.packetsOut = path.packetsOut.add(1);
  path.bytesOut = path.bytesOut.add(parsed.ip.totalLength.toHost());
  for (const name of shape.methods) {
    const method = methods[name];
    const { reply } = method;
    if (reply === undefined) continue;
    when(connection.method.eq(method.code), () => {
      const { target } = reply(parsed, service);
      const hop = maps.clientHops.lookup(clientSlot(target)).orDrop(reasons.internal);
      resolve(maps, parsed, method, hop, target, now);
      decrementTimeToLive(parsed);
      leave(transmit(parsed, hop, shape));
    });
  }
  leave(drop(reasons.internal));
}

/** Where a client's next hop is cached: the upper bits of a multiplicative hash. */
function clientSlot(address: Net<"be32">): Int<"u32"> {
  return address
    .raw()
    .mul(0x9e37_79b1)
    .shr(32 - Math.log2(CLIENT_HOPS));
}

function countVerdict(maps: BalancerMaps, reason: Int<"u32">): void {
  maps.verdicts.lookup(reason).then((counter) => {
    counter.packets = counter.packets.add(1);
  });
}
