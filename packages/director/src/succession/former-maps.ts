// The maps of the data plane before this one, as bytes: what they hold is told by the description that was kept with
// them, which may be of another version of this program.

import { type BalancerMaps, carriedMaps, reasonNames } from "@yardmaster/dataplane";
import type { BpfHost, BpfMap, Codec, Layout, MapSpec, MapType } from "@yardmaster/ebpf";
import { sizeOfLayout } from "@yardmaster/ebpf";
import type { MadeMaps } from "../kernel/live-maps.ts";

/** A map as it was made, in plain data. */
export interface MapDescription {
  readonly name: string;
  readonly type: MapType;
  readonly maxEntries: number;
  readonly flags: number;
  readonly key: Layout;
  readonly value: Layout;
}

/** What is kept with the maps of a data plane. */
export interface DataplaneDescription {
  /** Grows when descriptions themselves change, so that an older reader refuses them. */
  readonly format: 1;
  /** Version of the product that made it. */
  readonly version: string;
  /** Names of the reasons that verdicts are counted under, by their code. */
  readonly reasons: readonly string[];
  readonly maps: readonly MapDescription[];
}

/** A map whose keys and values are bytes. */
export interface FormerMap {
  readonly description: MapDescription;
  readonly map: BpfMap<Uint8Array, Uint8Array>;
}

/** The data plane before. */
export interface Former extends Disposable {
  readonly version: string;
  readonly reasons: readonly string[];
  readonly maps: ReadonlyMap<string, FormerMap>;
}

/** Maps besides the carried ones, which tell what those are about. */
function tellingMaps({ destinations, identities, ipv4, ipv6 }: BalancerMaps): readonly MapSpec[] {
  const all = [destinations, identities, ipv4.replyRules, ipv6.replyRules];
  return all.map(({ spec }) => spec as unknown as MapSpec);
}

/** Describes what a successor needs of these maps. */
export function describeMaps({ definitions }: MadeMaps, version: string): DataplaneDescription {
  const maps = [...carriedMaps(definitions), ...tellingMaps(definitions)].map(describeMap);
  return { format: 1, version, reasons: reasonNames, maps };
}

function describeMap({ name, type, maxEntries, flags, key, value }: MapSpec): MapDescription {
  if (key.layout === undefined || value.layout === undefined) throw new Error(`map "${name}" has no layout`);
  return { name, type, maxEntries, flags, key: key.layout, value: value.layout };
}

/** The specification of a described map whose keys and values are bytes. */
export function rawSpec({
  name,
  type,
  maxEntries,
  flags,
  key,
  value,
}: MapDescription): MapSpec<Uint8Array, Uint8Array> {
  return { name, type, maxEntries, flags, key: rawCodec(key), value: rawCodec(value) };
}

function rawCodec(layout: Layout): Codec<Uint8Array> {
  return { size: sizeOfLayout(layout), encode: (bytes) => bytes, decode: (bytes) => bytes.slice(), layout };
}

/** The maps of a data plane of this process as those of a former one. They stay open whatever becomes of it. */
export function formerOf(host: BpfHost, made: MadeMaps, version: string): Former {
  const { maps, reasons } = describeMaps(made, version);
  return openFormer({ version, reasons, maps }, (description) => {
    const live = made.byName.get(description.name);
    if (live === undefined) throw new Error(`there is no map "${description.name}"`);
    return host.reopenMap(live, rawSpec(description));
  });
}

/** Opens the maps of a description. */
export function openFormer(
  { version, reasons, maps }: Omit<DataplaneDescription, "format">,
  open: (description: MapDescription) => FormerMap["map"],
): Former {
  using cleanup = new DisposableStack();
  const opened = maps.map((description): readonly [string, FormerMap] => {
    return [description.name, { description, map: cleanup.use(open(description)) }];
  });
  const owned = cleanup.move();
  return { version, reasons, maps: new Map(opened), [Symbol.dispose]: () => owned.dispose() };
}
