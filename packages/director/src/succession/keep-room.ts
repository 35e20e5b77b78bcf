// The shape of a program that takes over from another: what was asked for, and what the connections of the former need.

import type { BalancerShape, MethodName } from "@yardmaster/dataplane";
import type { Heritage } from "../live/inherited.ts";
import { familyOfMatch } from "../live/service.ts";
import type { Plan } from "../plan/plan.ts";
import type { Former } from "./former-maps.ts";

/**
 * The plan with the families and methods that inherited connections have, and with tables no smaller than the former
 * ones: equal tables are shared, smaller ones might not hold what is there.
 */
export function keepRoom(plan: Plan, heritage: Heritage, former: Former): Plan {
  const { shape, services } = plan;
  const entriesOf = (name: string) => former.maps.get(name)?.description.maxEntries ?? 0;
  const inheritedMethods = heritage.flatMap(({ destinations }) => destinations.map((one) => one.definition.forwarding));
  const inheritedFamilies = heritage.map(({ definition }) => familyOfMatch(definition.match));
  const hasTemplates = entriesOf("templates4") > 1 || entriesOf("templates6") > 1;
  const features = hasTemplates ? [...new Set([...shape.features, "persistence" as const])] : shape.features;
  const wanted = services.reduce((sum, { servers }) => sum + servers.length, 0);
  const inherited = heritage.reduce((sum, { destinations }) => sum + destinations.length, 0);
  const kept: BalancerShape = {
    ...shape,
    features,
    families: union(shape.families, inheritedFamilies),
    methods: union<MethodName>(shape.methods, inheritedMethods),
    maximumConnections: Math.max(shape.maximumConnections, entriesOf("connections4"), entriesOf("connections6")),
    maximumServices: roomFor(services.length + heritage.length, shape.maximumServices, entriesOf("service_loads")),
    maximumDestinations: roomFor(wanted + inherited, shape.maximumDestinations, entriesOf("loads")),
  };
  return { ...plan, shape: kept };
}

/** The largest of what was asked for and what there was, doubled until so many have room. */
function roomFor(count: number, ...sizes: readonly number[]): number {
  const size = Math.max(...sizes);
  return count <= size ? size : size * 2 ** Math.ceil(Math.log2(count / size));
}

function union<T extends string>(some: readonly T[], others: readonly T[]): readonly T[] {
  return [...new Set([...some, ...others])].sort();
}
