// Second station: which virtual service a packet is addressed to.

import type { Int, Maybe, Reference } from "@yardmaster/ebpf";
import type { Family } from "./family.ts";
import type { FamilyMaps, ServiceIndex } from "./schema.ts";

/** The service that a client's flow is addressed to. */
export function matchService(
  maps: FamilyMaps,
  flow: Reference<Family["FlowKey"]["fields"]>,
): Maybe<Reference<typeof ServiceIndex.fields>> {
  const protocol: Int<"u32"> = flow.protocol;
  return maps.serviceIndex.lookup({
    address: flow.destination,
    port: flow.destinationPort,
    protocol: protocol.toU16(),
  });
}
