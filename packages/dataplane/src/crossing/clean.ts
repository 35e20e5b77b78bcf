// The step before that of a client's packet whose server is of the other address family: what its options say of
// addresses is blotted out. A step of its own, since frames of functions that call each other share 512 bytes.

import { Packet, u32, verdict, verdictFn } from "@yardmaster/ebpf";
import { withClientAddress } from "../forward/client-address.ts";
import { reasons } from "../reasons.ts";
import { hasFeature } from "../shape.ts";
import { readCrossing } from "./translate-packet.ts";
import type { SendingRoad } from "../sending.ts";

/** What it returns in the place of a verdict, none of which is so large. */
export const CLEAN = 0x5_0001;

/** The function that is the step; undefined where no server is told of its clients. */
export function cleanFunction({ maps, shape, family }: SendingRoad) {
  if (!hasFeature(shape, "toa")) return undefined;
  return verdictFn(
    `cross_clean${family.digit}`,
    { packet: Packet, flow: family.FlowKey },
    ({ packet, flow }) => {
      const parsed = readCrossing(packet, shape, family);
      const connection = maps[family.name].connections.lookup(flow).orDrop(reasons.internal);
      const { hop } = maps.paths.lookup(connection.destination).orDrop(reasons.internal);
      // Telling is for the step that translates.
      withClientAddress({ maps, parsed, connection, hop, method: { hasLocalAddress: false } })();
      return verdict(u32(CLEAN));
    },
    { isGlobal: true },
  );
}
