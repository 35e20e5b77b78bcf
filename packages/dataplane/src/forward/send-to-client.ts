// The end of the road of a packet that is addressed to its client: next hop, time to live, MTU, and out.

import { guard, leave, pass, when } from "@yardmaster/ebpf";
import { resolve } from "../next-hop.ts";
import { lengthOnWire } from "../parse.ts";
import { reasons } from "../reasons.ts";
import type { SendingRoad, Traveller } from "../sending.ts";
import { transmit } from "../transmit.ts";
import { clientHop } from "./client-hop.ts";

/** Sends the packet, which is addressed to its client by now, and leaves. */
export function sendToClient(road: SendingRoad, { parsed, now }: Pick<Traveller, "parsed" | "now">): void {
  const { maps, family } = road;
  const { network, packet } = parsed;
  const target = network.destination;
  const { client, hop, isOther } = clientHop(maps, family, target);
  resolve(road, parsed, { target, hop, isOther }, now, {
    unresolved: () => {
      packet.settle();
      leave(pass(reasons.neighbourUnresolved));
    },
  });
  client.address = target;
  when(
    lengthOnWire(parsed).gt(hop.mtu),
    () => {
      packet.settle();
      leave(pass(reasons.exceedsMtu));
    },
    { isRare: true },
  );
  guard(network.hops.gt(1)).orDrop(reasons.timeToLiveExceeded);
  network.decrementHops();
  leave(transmit(road, parsed, hop));
}
