// What follows from which servers are up: who gets no new connections, who is taken out, whether the sorry server
// answers. Pure.
import { endpointOf } from "../live/service.ts";
import type { VirtualService } from "../model/virtual-service.ts";

/** What is said of a server over its configuration; undefined: nothing. */
export type HealthOverride = { readonly weight: number; readonly isDown?: true } | { readonly isOut: true } | undefined;

/** What follows for a service. */
export interface Verdicts {
  /** Enough servers are up. */
  readonly isQuorate: boolean;
  /** By endpoint, for all of its servers; none where nobody is checked. */
  readonly overrides: ReadonlyMap<string, HealthOverride>;
}

/** No new connections; those that are there go on. */
const quiesced = { weight: 0 } as const;
/** The same, and what nobody has answered yet goes elsewhere. */
const dead = { weight: 0, isDown: true } as const;
/** Of a sorry server that is needed: it is alone, so any weight will do. */
const needed = { weight: 1 } as const;

/**
 * As keepalived: with less weight up than the quorum the sorry server gets all new connections, and the servers that
 * are up only keep those that they have. Without a sorry server they go on.
 */
export function verdictsOf({ health, servers }: VirtualService, isUp: (endpoint: string) => boolean): Verdicts {
  if (health === undefined) {
    return { isQuorate: true, overrides: new Map() };
  }
  const upWeight = servers
    .filter((server) => server.isSorry !== true && isUp(endpointOf(server)))
    .reduce((sum, { weight }) => sum + weight, 0);
  const isQuorate = upWeight >= health.quorum;
  const isSorry = !isQuorate && servers.some((server) => server.isSorry);
  const down = health.onDown === "cut" ? ({ isOut: true } as const) : dead;
  const overrides = servers.map((server): readonly [string, HealthOverride] => {
    const endpoint = endpointOf(server);
    if (server.isSorry === true) return [endpoint, isSorry ? needed : undefined];
    if (!isUp(endpoint)) return [endpoint, down];
    return [endpoint, isSorry ? quiesced : undefined];
  });
  return { isQuorate, overrides: new Map(overrides) };
}
