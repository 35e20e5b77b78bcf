// Second station: which virtual service a packet is addressed to.

import { guard, type Int, type Reference, u32, variable, when } from "@yardmaster/ebpf";
import { IPPROTO_UDP } from "./headers.ts";
import type { FlowReference } from "./life.ts";
import type { BalancerMaps, FamilyMaps, ServiceFields } from "./schema.ts";
import { type BalancerShape, hasFeature } from "./shape.ts";

/** What `matchService` gives where no service matches. */
export const NO_SERVICE = 0xffff_ffff;

/**
 * What is known of the service with an index, as one value: whatever the control plane does meanwhile, it is of one
 * moment. Where there is none, the function that is being built returns `missing`.
 */
export function serviceAt(
  maps: Pick<BalancerMaps, "services" | "serviceRecords">,
  index: Int<"u32">,
  missing: number,
): Reference<ServiceFields> {
  const { record } = maps.services.lookup(index).orReturn(missing);
  guard(record.ne(0)).orReturn(missing);
  return maps.serviceRecords.lookup(record).orReturn(missing);
}

/** Index of a port in the map of port classes: TCP first, then UDP. */
export const UDP_PORTS = 1 << 16;

/**
 * Index of the service that a client's flow is addressed to, or NO_SERVICE. An address and port that a service names
 * come first; then the service whose prefix fits the address best among those that have the port.
 */
export function matchService(
  maps: BalancerMaps,
  family: FamilyMaps,
  shape: BalancerShape,
  flow: FlowReference,
): Int<"u32"> {
  const service = variable(u32(NO_SERVICE));
  const exact = family.serviceIndex.lookup({
    address: flow.destination,
    port: flow.destinationPort,
    protocol: flow.protocol.toU16(),
  });
  exact.then((found) => service.set(found.service));
  if (hasFeature(shape, "wideServices")) {
    when(service.get().eq(NO_SERVICE), () => {
      const ports = variable(u32(0));
      when(flow.protocol.eq(IPPROTO_UDP), () => ports.set(u32(UDP_PORTS)));
      const portClass = maps.portClasses.lookup(ports.get().or(flow.destinationPort.toHost()));
      portClass.then(({ portClass: number }) => {
        when(number.ne(0), () => {
          const match = family.prefixes.lookup({ portClass: number.toNet(), address: flow.destination });
          match.then((found) => service.set(found.service));
        });
      });
    });
  }
  return service.get();
}
