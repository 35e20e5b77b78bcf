// A service as its identity alone tells it: enough for what is left of it, connections of removed servers and their
// replies.

import type { FamilyName } from "@yardmaster/dataplane";
import { tryParseAddress } from "@yardmaster/packet";
import type { Protocol, ServiceMatch } from "../model/virtual-service.ts";
import { identityOf, type ServiceDefinition } from "../live/service.ts";

const EVERYWHERE = { ipv4: "0.0.0.0/0", ipv6: "::/0" } as const satisfies Readonly<Record<FamilyName, string>>;

/** The definition that has this identity (see identityOf); undefined where it is none. */
export function definitionOf(identity: string, family: FamilyName): ServiceDefinition | undefined {
  const found = matchOf(identity, family);
  if (found === undefined) return undefined;
  const definition: ServiceDefinition = {
    ...found,
    scheduler: "rr",
    schedulerOptions: [],
    tableSize: undefined,
    forwarding: "nat",
    persistence: undefined,
    onePacket: false,
    caps: { newPerSecond: 0, halfOpen: 0 },
  };
  return identityOf(definition) === identity ? definition : undefined;
}

type Known = Pick<ServiceDefinition, "name" | "match">;

function matchOf(identity: string, family: FamilyName): Known | undefined {
  const [, protocol, rest = ""] = /^(tcp|udp) (.+)$/.exec(identity) ?? [];
  if (protocol === undefined) return markOf(identity, family);
  const [, name] = /^"(.+)"$/.exec(rest) ?? [];
  if (name !== undefined) {
    const match: ServiceMatch = {
      kind: "wide",
      prefixes: [EVERYWHERE[family]],
      ports: "any",
      protocol: protocol as Protocol,
    };
    return { name, match };
  }
  const [, bracketed, plain, port] = /^(?:\[([0-9a-f:.]+)\]|([0-9.]+)):(\d{1,5})$/.exec(rest) ?? [];
  const address = bracketed ?? plain ?? "";
  if (tryParseAddress(address) === undefined || Number(port) > 0xffff) return undefined;
  return { name: rest, match: { kind: "exact", address, port: Number(port), protocol: protocol as Protocol } };
}

function markOf(identity: string, family: FamilyName): Known | undefined {
  const [, mark] = /^mark (\d{1,10}) \(ipv[46]\)$/.exec(identity) ?? [];
  if (mark === undefined) return undefined;
  const rules = [{ prefix: EVERYWHERE[family], ports: "any", protocols: ["tcp", "udp"] }] as const;
  return { name: identity, match: { kind: "mark", mark: Number(mark), rules } };
}
