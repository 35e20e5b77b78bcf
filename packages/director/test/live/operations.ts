// Operations on a live data plane, as short as tests want them: servers are 10.0.0.1 and following, by direct routing.

import type { LiveServices } from "../../src/live/live-services.ts";
import type { Destination, VirtualService } from "../../src/model/virtual-service.ts";
import { service } from "../sample.ts";

export type Operation = (live: LiveServices) => void;

export const WEB = "tcp 198.51.100.10:80";
export const server = (last: number, changes: Partial<Destination> = {}): Destination => ({
  ...{ address: `10.0.0.${last}`, port: 80, forwarding: "dr", weight: 1, upperThreshold: 0, lowerThreshold: 0 },
  ...changes,
});
export const add =
  (...changes: Parameters<typeof service>): Operation =>
  (live) => {
    const { servers, ...definition } = service(...changes);
    live.addService(definition, servers);
  };
/** The service "web" with two servers by direct routing. */
export const web = (changes: Partial<VirtualService> = {}): Operation =>
  add({ forwarding: "dr", servers: [server(1), server(2)], ...changes });
export const edit = (changes: Parameters<typeof service>[0]): Operation => {
  const { servers: _, ...definition } = service({ forwarding: "dr", ...changes });
  return (live) => live.editService(definition);
};
export const put =
  (destination: Destination, place: "first" | "last" = "first", to = WEB): Operation =>
  (live) =>
    live.addDestination(to, destination, { place });
export const change =
  (destination: Destination, of = WEB): Operation =>
  (live) =>
    live.editDestination(of, destination);
export const take =
  (endpoint: string, from = WEB): Operation =>
  (live) =>
    live.removeDestination(from, endpoint);
export const remove =
  (identity = WEB): Operation =>
  (live) =>
    live.removeService(identity);

export const wide = (name: string, prefixes: readonly [string, ...string[]], first: number, last = first) =>
  add({ name, match: { kind: "wide", prefixes, ports: [{ first, last }], protocol: "tcp" } });
export const marked = (mark: number, prefix: string) =>
  add({
    name: `m${mark}`,
    match: { kind: "mark", mark, rules: [{ prefix, ports: [{ first: 80, last: 80 }], protocols: ["tcp"] }] },
  });

export const nat = (last: number, changes: Partial<Destination> = {}) =>
  server(last, { forwarding: "nat", ...changes });
export const other = add({ name: "other", address: "198.51.100.11", servers: [nat(1)] });

/** Two walks of the reaper that see no connection. */
export function walkTwice(live: LiveServices): void {
  for (const _ of [1, 2]) {
    const watch = live.watch();
    live.tend(0, { watch, seen: { relying: new Set(), answered: new Set() } });
  }
}
