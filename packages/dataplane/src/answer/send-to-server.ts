// The way of an ICMP error to a server: by routing. What it answers came from the server through any router, and a
// router forwards no packet back to where it got it from.

import { Packet, u32, verdictFn } from "@yardmaster/ebpf";
import { clientHop } from "../forward/client-hop.ts";
import { networkHeader } from "../network-header.ts";
import { resolve } from "../next-hop.ts";
import { parseFrame } from "../parse.ts";
import { transmit } from "../transmit.ts";
import { sendBack } from "./answer.ts";
import { returnLinkLayer } from "./link-layer.ts";
import type { SendingRoad } from "../sending.ts";

/** Sends an error that stands in the packet's place; where the way is not known yet it goes back to where that was. */
export type SendToServer = ReturnType<typeof sendToServerFunction>;

/** The function that sends errors to servers of a family. */
export function sendToServerFunction(road: SendingRoad) {
  const { maps, shape, family } = road;
  return verdictFn(
    `answer_out${family.digit}`,
    { packet: Packet, now: u32 },
    ({ packet, now }) => {
      const { networkOffset } = parseFrame(packet, shape);
      const network = networkHeader(family, packet, networkOffset);
      const target = network.destination;
      const { client, hop, isOther } = clientHop(maps, family, target);
      resolve(road, { packet, network, networkOffset }, { target, hop, isOther }, now, {
        unresolved: () => {
          returnLinkLayer(packet, networkOffset, 0);
          sendBack(packet, shape);
        },
      });
      client.address = target;
      return transmit(road, { packet, networkOffset }, hop);
    },
    { isGlobal: true },
  );
}
