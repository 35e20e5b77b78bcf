// The step of a client's packet whose server is of the other address family: next hop, time to live, MTU, another
// header, and out. What forward/send-request.ts does for all others.

import { Packet, stack, u32, variable, verdictFn, viewAs, when } from "@yardmaster/ebpf";
import { AnyAddress } from "../address.ts";
import { type Family, otherFamily } from "../family.ts";
import { withClientAddress } from "../forward/client-address.ts";
import { methods } from "../forward/registry.ts";
import type { ConnectionReference } from "../life.ts";
import { reasons } from "../reasons.ts";
import type { BalancerMaps } from "../schema.ts";
import { hasFeature } from "../shape.ts";
import { localAddressOf } from "./local-name.ts";
import { sendTranslated } from "./send-translated.ts";
import { type GiveChecksum, readCrossing, translatePacket } from "./translate-packet.ts";
import { countedPath } from "../forward/counters.ts";
import type { SendingRoad } from "../sending.ts";
import type { Endpoint } from "../forward/ends.ts";

/** The function that sends clients' packets of a family to their servers; or notes with REFUSED what to answer. */
export function crossRequestFunction(road: SendingRoad, giveChecksum: GiveChecksum) {
  const { maps, shape, family } = road;
  const to = otherFamily(family);
  return verdictFn(
    `cross_out${family.digit}`,
    { packet: Packet, flow: family.FlowKey, now: u32 },
    ({ packet, flow, now }) => {
      giveChecksum(packet);
      const parsed = readCrossing(packet, shape, family);
      const { network } = parsed;
      const { source, destination, sourcePort, destinationPort, protocol } = flow;
      // In the bytes of what routing is asked later.
      const key = stack(
        family.FlowKey,
        { source, destination, sourcePort, destinationPort, protocol },
        { share: "flow" },
      );
      const connection = maps[family.name].connections.lookup(key).orDrop(reasons.internal);
      const { hop } = countedPath(maps, connection, network.length);
      const server = (): Endpoint => serverOf(maps, to, connection, parsed.ports.destination);
      const { address: target } = server();
      const { address: local } = localOf(maps, family, to, connection);
      const change = (): void => {
        const told = { maps, parsed, connection, hop, method: methods.fullnat, sentIn: to };
        const finish = hasFeature(shape, "toa") ? withClientAddress(told) : undefined;
        // Looked up again: the frame has no room to keep all of them meanwhile.
        translatePacket(parsed, to, { source: localOf(maps, family, to, connection), destination: server() });
        finish?.();
      };
      const way = { target, source: local, hop, isOther: u32(0).ne(0) };
      return sendTranslated(road, to, { parsed, now, way, change });
    },
    { isGlobal: true },
  );
}

/** The server of a connection: one without a port of its own gets what the client wrote to. */
export function serverOf(
  maps: BalancerMaps,
  family: Family,
  { destination }: ConnectionReference,
  written: Endpoint["port"],
): Endpoint {
  const { address, port: own } = maps.destinations.lookup(destination).orDrop(reasons.internal);
  const port = variable(own);
  when(own.eq(0), () => port.set(written));
  return { address: viewAs(address, AnyAddress, family.Address), port: port.get() };
}

/** The local end of a connection from `family` to `to`. */
export function localOf(maps: BalancerMaps, family: Family, to: Family, connection: ConnectionReference): Endpoint {
  const { port } = connection;
  if (family.name === "ipv6") return { address: viewAs(connection.address, family.Address, to.Address), port };
  return { address: localAddressOf(maps, connection).orDrop(reasons.internal).address, port };
}
