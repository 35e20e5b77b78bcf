// What holds of single servers for the moment, over what a person asked for: health checks, drains, slow starts. The
// configuration with the overlay is what runs.

import { endpointOf, identityOf } from "../live/service.ts";
import type { Destination, VirtualService } from "../model/virtual-service.ts";

/** Who says something of a server. Each has its own say; what they say is put together by `effective`. */
export type OverlaySource = "health" | "drain" | "slowStart" | "hand";

/** What one source says of a server. */
export interface Override {
  /** By hand: instead of its weight. From the others: no more than this. */
  readonly weight?: number;
  /** Checks have found it down. */
  readonly isDown?: true;
  /** It is not in the list, as if it had been removed: its connections end as `onRemoval` says. */
  readonly isOut?: boolean;
  /** Of a server that the configuration does not have: it is there nevertheless, at the end of the list. */
  readonly adds?: Destination;
}

/** What a weight can be at most. */
const MOST_WEIGHT = 65_535;

type Overrides = Map<OverlaySource, Override>;

/** What is made of a service until something is said of it. */
interface Made {
  readonly revision: number;
  readonly service: VirtualService;
}

/** The overlay of one director. */
export class Overlay {
  readonly #onChange: (sinceMs: number) => void;
  /** By the identity of the service, then by the endpoint of the server. */
  readonly #overrides = new Map<string, Map<string, Overrides>>();
  /** Counts up with each change of a service's overrides. */
  readonly #revisions = new Map<string, number>();
  readonly #made = new WeakMap<VirtualService, Made>();
  #isAnnounced = false;

  /**
   * `onChange` is called on a later turn of the event loop, once for all changes until then, with when the first of
   * them came (performance.now()).
   */
  constructor(onChange: (sinceMs: number) => void = () => undefined) {
    this.#onChange = onChange;
  }

  /** What `source` says from now on of a server, by `identityOf` and `endpointOf`; undefined: nothing more. */
  set(source: OverlaySource, service: string, endpoint: string, override: Override | undefined): void {
    const ofService = this.#overrides.get(service) ?? new Map<string, Overrides>();
    const ofServer = ofService.get(endpoint) ?? new Map<OverlaySource, Override>();
    if (isSame(ofServer.get(source), override)) return;
    if (override === undefined) ofServer.delete(source);
    else ofServer.set(source, override);
    if (ofServer.size === 0) ofService.delete(endpoint);
    else ofService.set(endpoint, ofServer);
    if (ofService.size === 0) this.#overrides.delete(service);
    else this.#overrides.set(service, ofService);
    this.#revisions.set(service, (this.#revisions.get(service) ?? 0) + 1);
    this.announce();
  }

  /**
   * What is to run of these services. Those of which nothing changed since the last time are the same objects as then:
   * who compares them can do so by identity.
   */
  effective(services: readonly VirtualService[]): readonly VirtualService[] {
    return services.map((service) => {
      const identity = identityOf(service);
      const revision = this.#revisions.get(identity) ?? 0;
      const known = this.#made.get(service);
      if (known?.revision === revision) return known.service;
      const overrides = this.#overrides.get(identity);
      const made = overrides === undefined ? service : { ...service, servers: serversUnder(overrides, service) };
      this.#made.set(service, { revision, service: made });
      return made;
    });
  }

  /** These services with all of their servers, those that are added and those that are out: what must be possible. */
  widest(services: readonly VirtualService[]): readonly VirtualService[] {
    return services.map((service) => {
      const overrides = this.#overrides.get(identityOf(service));
      const added = overrides === undefined ? [] : addedTo(service, overrides);
      return added.length === 0 ? service : { ...service, servers: [...service.servers, ...added] };
    });
  }

  /** Something else changed of what is to run: `onChange` is called on a later turn. */
  announce(): void {
    if (this.#isAnnounced) return;
    this.#isAnnounced = true;
    const sinceMs = performance.now();
    setImmediate(() => {
      this.#isAnnounced = false;
      this.#onChange(sinceMs);
    });
  }
}

function serversUnder(overrides: ReadonlyMap<string, Overrides>, service: VirtualService): readonly Destination[] {
  return [...service.servers, ...addedTo(service, overrides)].flatMap((server) => {
    const said = overrides.get(endpointOf(server));
    return said === undefined ? [server] : serverUnder(said, server);
  });
}

/** Servers that the configuration does not have. */
function addedTo({ servers }: VirtualService, overrides: ReadonlyMap<string, Overrides>): readonly Destination[] {
  const own = new Set(servers.map(endpointOf));
  return [...overrides].flatMap(([endpoint, said]) => {
    const [adding] = own.has(endpoint) ? [] : [...said.values()].flatMap(({ adds }) => adds ?? []);
    return adding === undefined ? [] : [adding];
  });
}

/** A server as it is to be, or nothing where it is out. */
function serverUnder(said: Overrides, server: Destination): readonly Destination[] {
  if ([...said.values()].some(({ isOut }) => isOut === true)) return [];
  // A sorry server rests with weight 0; checks alone say when it is needed.
  const usual = server.isSorry === true && said.has("health") ? MOST_WEIGHT : server.weight;
  const own = said.get("hand")?.weight ?? usual;
  const limits = [...said].flatMap(([source, { weight }]) => (source === "hand" ? [] : (weight ?? [])));
  const weight = Math.min(own, ...limits);
  const isDown = [...said.values()].some((one) => one.isDown === true);
  if (weight === server.weight && !isDown) return [server];
  return [{ ...server, weight, ...(isDown && { isDown: true as const }) }];
}

function isSame(a: Override | undefined, b: Override | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return a.weight === b.weight && a.isDown === b.isDown && a.isOut === b.isOut && a.adds === b.adds;
}
