// The shape of a program that takes over from another: what was asked for, and what the connections of the former need.

import type { BalancerShape, FeatureName, MethodName } from "@yardmaster/dataplane";
import { familyOf } from "../address.ts";
import type { Heritage, InheritedService } from "../live/inherited.ts";
import { familyOfMatch } from "../live/service.ts";
import { hasChecksum } from "../model/encapsulation.ts";
import type { Plan } from "../plan/plan.ts";
import type { Former } from "./former-maps.ts";

/**
 * The plan with the families and methods that inherited connections have, and with tables no smaller than the former
 * ones: equal tables are shared, smaller ones might not hold what is there.
 */
export function keepRoom(plan: Plan, heritage: Heritage, former: Former): Plan {
  const { shape, services } = plan;
  const entriesOf = (name: string) => former.maps.get(name)?.description.maxEntries ?? 0;
  const inheritedFamilies = heritage.map(({ definition }) => familyOfMatch(definition.match));
  const servers = heritage.flatMap(({ destinations }) => destinations.map(({ definition }) => definition));
  // Servers behind full NAT answer in their own family.
  const answering = servers
    .filter(({ forwarding }) => forwarding === "fullnat")
    .map(({ address }) => familyOf(address));
  const tunnels = servers.flatMap(({ encapsulation }) => (encapsulation === undefined ? [] : [encapsulation]));
  const hasTemplates = entriesOf("templates4") > 1 || entriesOf("templates6") > 1;
  const needed: readonly FeatureName[] = [
    ...(hasTemplates ? (["persistence"] as const) : []),
    ...(tunnels.some(hasChecksum) ? (["tunnelChecksums"] as const) : []),
    ...(heritage.some((service) => isMixed(service, "tun")) ? (["mixedFamilies"] as const) : []),
    ...(heritage.some((service) => isMixed(service, "fullnat")) ? (["translatedFamilies"] as const) : []),
  ];
  const missing = needed.filter((name) => !shape.features.includes(name));
  const wanted = services.reduce((sum, { servers }) => sum + servers.length, 0);
  const inherited = heritage.reduce((sum, { destinations }) => sum + destinations.length, 0);
  const kept: BalancerShape = {
    ...shape,
    features: [...shape.features, ...missing],
    encapsulations: union(
      shape.encapsulations,
      tunnels.map(({ kind }) => kind),
    ),
    families: union(shape.families, [...inheritedFamilies, ...answering]),
    methods: union<MethodName>(
      shape.methods,
      servers.map(({ forwarding }) => forwarding),
    ),
    maximumConnections: Math.max(shape.maximumConnections, entriesOf("connections4"), entriesOf("connections6")),
    maximumServices: roomFor(services.length + heritage.length, shape.maximumServices, entriesOf("service_loads")),
    maximumDestinations: roomFor(wanted + inherited, shape.maximumDestinations, entriesOf("loads")),
  };
  return { ...plan, shape: kept };
}

/** Whether a service has servers of the other family with this method. */
function isMixed({ definition, destinations }: InheritedService, method: MethodName): boolean {
  const family = familyOfMatch(definition.match);
  return destinations.some(
    ({ definition: { address, forwarding } }) => forwarding === method && familyOf(address) !== family,
  );
}

/** The largest of what was asked for and what there was, doubled until so many have room. */
function roomFor(count: number, ...sizes: readonly number[]): number {
  const size = Math.max(...sizes);
  return count <= size ? size : size * 2 ** Math.ceil(Math.log2(count / size));
}

function union<T extends string>(some: readonly T[], others: readonly T[]): readonly T[] {
  return [...new Set([...some, ...others])].sort();
}
