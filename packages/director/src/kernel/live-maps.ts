// The maps of a balancer as live objects, under the names that the schema gives them.

import { type BalancerMaps, balancerMaps, type BalancerShape, type FamilyMaps } from "@yardmaster/dataplane";
import type { BpfHost, BpfMap, MapSpec } from "@yardmaster/ebpf";

/** A definition's map. */
type LiveMap<D> = D extends { readonly spec: MapSpec<infer K, infer V> } ? BpfMap<K, V> : never;
type LiveGroup<G> = { readonly [N in keyof G]: LiveMap<G[N]> };
/** What a balancer's definitions hold besides maps of their own. */
type Apart = "ipv4" | "ipv6" | "inner" | "Service";

/** Maps of one family. */
export type LiveFamilyMaps = LiveGroup<FamilyMaps>;

/** All maps by the names that programs know them by. */
export interface LiveMaps extends LiveGroup<Omit<BalancerMaps, Apart>> {
  readonly ipv4: LiveFamilyMaps;
  readonly ipv6: LiveFamilyMaps;
}

/** What a shape's programs and hosts share: definitions, and their maps on a host. */
export interface MadeMaps {
  readonly definitions: BalancerMaps;
  readonly live: LiveMaps;
  /** By the names of their specifications. */
  readonly byName: ReadonlyMap<string, BpfMap>;
}

/** Makes a map real. */
export type MakeMap = (spec: MapSpec, definitions: BalancerMaps) => BpfMap;

/** Makes all maps of a shape, each by `make`; `owner` closes them. */
export function makeMaps(
  host: BpfHost,
  shape: BalancerShape,
  owner: DisposableStack,
  make: MakeMap = (spec) => host.createMap(spec),
): MadeMaps {
  const definitions = balancerMaps(shape);
  const { ipv4, ipv6, inner: _inner, Service: _service, ...common } = definitions;
  const byName = new Map<string, BpfMap>();
  const group = (members: Readonly<Record<string, { readonly spec: unknown }>>) =>
    Object.fromEntries(
      Object.entries(members).map(([name, { spec }]) => {
        const map = owner.use(make(spec as MapSpec, definitions));
        byName.set(map.spec.name, map);
        return [name, map];
      }),
    );
  const live = { ipv4: group(ipv4), ipv6: group(ipv6), ...group(common) } as unknown as LiveMaps;
  return { definitions, live, byName };
}
