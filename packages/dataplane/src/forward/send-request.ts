// The road of a client's packet once its connection is found: next hop, time to live, MTU, what the forwarding method
// does to it, and out.

import { drop, type Int, leave, pass, u32, when } from "@yardmaster/ebpf";
import type { ConnectionReference } from "../life.ts";
import { resolve } from "../next-hop.ts";
import { reasons } from "../reasons.ts";
import type { Road, Traveller } from "../road.ts";
import { hasFeature } from "../shape.ts";
import { transmit } from "../transmit.ts";
import type { ForwardingMethod } from "./method.ts";
import { withClientAddress } from "./client-address.ts";
import { methods } from "./registry.ts";

/** Sends a client's packet to its connection's destination, and leaves; or notes why it is refused. */
export function sendRequest(road: Road, traveller: Traveller, connection: () => ConnectionReference): void {
  for (const name of road.shape.methods) {
    const method = methods[name];
    when(connection().method.eq(method.code), () => sendBy(method, road, traveller, connection()));
  }
}

function sendBy(
  method: ForwardingMethod,
  road: Road,
  { parsed, now, refusal }: Traveller,
  connection: ConnectionReference,
): void {
  const { network } = parsed;
  const request = { parsed, connection, maps: road.maps };
  const path = countedPath(road.maps, connection, network.length);
  const { hop } = path;
  const change = (): void => {
    const finish = hasFeature(road.shape, "toa") ? withClientAddress({ ...request, hop, method }) : undefined;
    method.request(request);
    finish?.();
  };
  const giveUp = ({ verdict, reason }: ForwardingMethod["whenTooLarge"]): void => {
    if (verdict === "drop") {
      leave(drop(reason));
      return;
    }
    change();
    leave(pass(reason));
  };
  const way = { target: method.target(request), hop, isOther: u32(0).ne(0) };
  resolve(road, parsed, way, now, () => giveUp(method.whileUnresolved));
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
    change();
    leave(transmit(road, parsed, hop));
  });
}

/** The destination's counters and cached next hop, with the packet counted in. */
export function countedPath(maps: Road["maps"], { destination }: ConnectionReference, length: Int<"u32">) {
  const path = maps.paths.lookup(destination).orDrop(reasons.internal);
  path.packetsIn = path.packetsIn.add(1);
  path.bytesIn = path.bytesIn.add(length);
  return path;
}
