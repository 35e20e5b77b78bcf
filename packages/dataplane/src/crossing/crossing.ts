// Connections between address families: full NAT from clients of one to servers of the other. What tells them, and
// where their ends are kept.

import { type Bool, guard, type Int, type Reason, type Reference, viewAs, when } from "@yardmaster/ebpf";
import { type Family, otherFamily } from "../family.ts";
import { destinationFlags } from "../destination.ts";
import type { FlowReference } from "../life.ts";
import type { BalancerMaps } from "../schema.ts";
import type { Endpoint, ReplyEnds } from "../forward/ends.ts";

export type LocalFlowReference = Reference<Family["LocalFlow"]["fields"]>;

/** Whether a destination with these flags is of another family than its client's. */
export function crossesFrom({ name }: Family, flags: Int): Bool {
  const isIpv6 = flags.and(destinationFlags.isIpv6);
  return name === "ipv4" ? isIpv6.ne(0) : isIpv6.eq(0);
}

/** Runs `found` with the ends, of the other family, of the connection that a server's flow of `family` belongs to. */
export function whenCrossing(
  maps: BalancerMaps,
  family: Family,
  flow: FlowReference,
  entry: LocalFlowReference,
  found: (ends: ReplyEnds) => void,
): void {
  when(entry.crosses.ne(0), () => {
    if (family.name === "ipv6") found(endsIn(otherFamily(family), entry));
    else maps.crossedEnds.lookup(flow).then((ends) => found(endsIn(otherFamily(family), ends)));
  });
}

/** The same ends; where there are none the packet passes, which `missing` is the reason of. */
export function endsAcross(
  maps: BalancerMaps,
  family: Family,
  flow: FlowReference,
  entry: LocalFlowReference,
  missing: Reason,
): ReplyEnds {
  guard(entry.crosses.ne(0)).orPass(missing);
  const ends = family.name === "ipv6" ? entry : maps.crossedEnds.lookup(flow).orPass(missing);
  return endsIn(otherFamily(family), ends);
}

function endsIn(family: Family, { client, service, clientPort, servicePort }: LocalFlowReference): ReplyEnds {
  const end = (address: Endpoint["address"], port: Endpoint["port"]): Endpoint => ({
    address: family.name === "ipv4" ? viewAs(address, otherFamily(family).Address, family.Address) : address,
    port,
  });
  return { client: end(client, clientPort), service: end(service, servicePort) };
}
