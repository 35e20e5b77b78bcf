// Tunnelling: the packet stays as it is and goes to the real server inside another one, from the director's own
// address. The server unwraps it, holds the service's address itself, and answers the client directly.

import { choose, guard, u32 } from "@yardmaster/ebpf";
import { reasons } from "../reasons.ts";
import { destinationFlags } from "../destination.ts";
import { hasFeature } from "../shape.ts";
import { wrapAt } from "./encapsulate/wrap.ts";
import type { ForwardingMethod } from "./method.ts";
import { traits } from "./traits.ts";

export const tun: ForwardingMethod = {
  name: "tun",
  ...traits.tun,
  mapsPorts: false,
  mixesFamilies: true,
  agesPassing: true,
  requestTable: "requestOnly",
  requires: [
    { kind: "ipForwarding", text: "the director forwards IP packets" },
    {
      kind: "unwrapping",
      text: "the real server takes off the outer headers, and takes clients' packets though its way to them is another",
    },
    {
      kind: "vipOnServer",
      text: "the real server has the service's address on an interface that does not answer ARP for it",
    },
    {
      kind: "tunnelRoom",
      text: "the way to the real server carries packets that are longer than the clients' by the outer headers",
    },
    { kind: "neighbourKnown", text: "the next hop to the real server answers ARP or neighbour discovery" },
  ],
  request: ({ maps, shape, parsed, connection, wrap }) => {
    const destination = maps.destinations.lookup(connection.destination).orDrop(reasons.internal);
    guard(destination.tunnelSource.at(0).ne(0)).orDrop(reasons.noTunnelSource);
    const own4 = parsed.network.family.name === "ipv4";
    const own = u32(Number(parsed.network.family.digit));
    const version = hasFeature(shape, "mixedFamilies")
      ? choose(destination.flags.and(destinationFlags.isIpv6).ne(0), u32(6), u32(4))
      : own;
    const overhead = destination.overhead.toU32();
    return {
      target: destination.address,
      source: destination.tunnelSource,
      version,
      overhead,
      load: () => maps.loads.lookup(connection.destination).orDrop(reasons.internal),
      // IPv6 packets are never divided on their way.
      ...(own4 && {
        mayBeDivided: () => parsed.network.mayBeFragmented.or(maps.settings.value.pathMtuDiscovery.eq(0)),
      }),
      change: (passing) => wrap({ packet: parsed.packet, destination, at: wrapAt(parsed.networkOffset, passing) }),
    };
  },
  // Wrapped: the stack resolves the neighbour and divides what is too large, if it takes what comes from the director's
  // own address (net.ipv4.conf.*.accept_local, fib_validate_source in net/ipv4/fib_frontend.c); otherwise it drops
  // them.
  whileUnresolved: { verdict: "pass", reason: reasons.neighbourUnresolved },
  whenTooLarge: { verdict: "pass", reason: reasons.exceedsMtu },
};
