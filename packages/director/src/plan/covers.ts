// Whether a program that runs can serve a plan that is not the one it was built for. Pure.

import { isDeepStrictEqual } from "node:util";
import type { BalancerShape } from "@yardmaster/dataplane";
import type { Configuration } from "../model/configuration.ts";
import type { VirtualService } from "../model/virtual-service.ts";

/** What more of does no harm. */
const rooms = {
  maximumConnections: "entries of the connection table",
  maximumServices: "services",
  maximumDestinations: "servers",
  maximumMembers: "servers in a service",
} as const satisfies Partial<Readonly<Record<keyof BalancerShape, string>>>;

/** What a program of shape `running` lacks for one of shape `wanted`, in words; undefined: nothing. */
export function lackOf(running: BalancerShape, wanted: BalancerShape): string | undefined {
  for (const [name, value] of Object.entries(wanted) as [keyof BalancerShape, unknown][]) {
    const has = running[name];
    if (isRoom(name)) {
      if ((has as number) < (value as number)) return `room for ${String(value)} ${rooms[name]}, not ${String(has)}`;
    } else if (isNames(value) && isNames(has)) {
      const known: readonly string[] = has;
      const missing = value.filter((one) => !known.includes(one));
      if (missing.length > 0) return `${name} ${missing.join(", ")}`;
    } else if (!isDeepStrictEqual(has, value)) return name;
  }
  return undefined;
}

/** Whether two configurations are the same but for servers' weights: then whatever serves one serves the other. */
export function onlyWeightsDiffer(before: Configuration, after: Configuration): boolean {
  if (before.services.length !== after.services.length) return false;
  const isSame = (a: object, b: object) => a === b || isDeepStrictEqual(a, b);
  if (!isSame(before.director, after.director)) return false;
  return before.services.every((service, at) => {
    const other = after.services[at];
    return service === other || (other !== undefined && isSame(weightless(service), weightless(other)));
  });
}

function weightless({ servers, ...service }: VirtualService): object {
  return { ...service, servers: servers.map((server) => ({ ...server, weight: 0 })) };
}

function isRoom(name: string): name is keyof typeof rooms {
  return name in rooms;
}

function isNames(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === "string");
}
