// The way of an ICMP error to a server: by routing. What it answers came from the server through any router, and a
// router forwards no packet back to where it got it from.

import { type Int, leave } from "@yardmaster/ebpf";
import { isSameAddress } from "../address.ts";
import { clientSlot } from "../forward/send-reply.ts";
import { networkHeader } from "../network-header.ts";
import { resolve } from "../next-hop.ts";
import type { Parsed } from "../parse.ts";
import { reasons } from "../reasons.ts";
import type { SendingRoad } from "../road.ts";
import { transmit } from "../transmit.ts";

/** Sends an error that stands in the packet's place, and leaves. `unresolved` leaves, where the way is not known yet. */
export function sendToServer(
  road: SendingRoad,
  { packet, networkOffset }: Pick<Parsed, "packet" | "networkOffset">,
  now: Int<"u32">,
  unresolved: () => void,
): void {
  const { maps, family } = road;
  const network = networkHeader(family, packet, networkOffset);
  const target = network.destination;
  const client = maps[family.name].clientHops.lookup(clientSlot(target)).orDrop(reasons.internal);
  const isOther = isSameAddress(client.address, target).not();
  const { hop } = client;
  resolve(road, { packet, network, networkOffset }, { target, hop, isOther }, now, { unresolved });
  client.address = target;
  leave(transmit(road, { packet, networkOffset }, hop));
}
