// A check that goes through the data plane, as plain data: which server of which service, what its packets are
// addressed to there, and what the check says that it talks to.

import type { FamilyName } from "@yardmaster/dataplane";
import { addressWords } from "@yardmaster/packet";
import { addressText, familyOf } from "../address.ts";
import { checksOf } from "../health/checks-of.ts";
import { endpointOf, familyOfMatch, identityOf } from "../live/service.ts";
import type { CheckWay, HealthCheck } from "../model/check.ts";
import { singlePort } from "../model/ports.ts";
import { type Destination, prefixesOf, type ServiceMatch, type VirtualService } from "../model/virtual-service.ts";

/** An address and a port in host order. */
export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** What is probed. */
export interface Probe {
  /** What it is known by. */
  readonly key: string;
  /** Of the packets between the check and the director: the service's; the server's where the method translates. */
  readonly family: FamilyName;
  readonly server: Destination;
  /** What the server's packets are addressed to when they come in there. */
  readonly destination: Endpoint;
  /** What a client writes to: what HTTP's Host says unless it is told. */
  readonly authority: Endpoint;
  /** What full NAT may send from. */
  readonly localAddresses: readonly string[];
}

/** The way that a check takes unless it says which. */
export function usualWay(match: ServiceMatch, { probe }: Pick<HealthCheck, "probe">): CheckWay {
  return probe.kind === "command" || match.kind === "mark" ? "direct" : "vip";
}

/** The probe that a check of a server is; undefined where it goes to the server's own address. */
export function probeOf(service: VirtualService, server: Destination, check: HealthCheck): Probe | undefined {
  if (check.via !== "vip") return undefined;
  const { match, localAddresses = [] } = service;
  const virtual = virtualAddressOf(match);
  const port = check.port ?? server.port;
  const isTranslated = server.forwarding === "nat" || server.forwarding === "fullnat";
  return {
    key: `${identityOf(service)} ${endpointOf(server)} ${port}`,
    family: isTranslated ? familyOf(server.address) : familyOfMatch(match),
    server,
    destination: { address: isTranslated ? server.address : virtual, port },
    authority: { address: virtual, port: check.port ?? portOf(match) ?? port },
    localAddresses,
  };
}

/** All probes of these services. */
export function probesOf(services: readonly VirtualService[]): ReadonlyMap<string, Probe> {
  // Of most services with many servers nothing is checked, and nothing has to be looked at.
  const checked = services.filter(({ health }) => health !== undefined);
  const all = checked.flatMap((service) =>
    service.servers.flatMap((server) => checksOf(service, server).map((check) => probeOf(service, server, check))),
  );
  return new Map(all.filter((probe) => probe !== undefined).map((probe) => [probe.key, probe]));
}

function portOf(match: ServiceMatch): number | undefined {
  if (match.kind === "exact") return match.port;
  return match.kind === "wide" ? singlePort(match.ports) : undefined;
}

/** An address of the service: of a prefix the first that may be a machine's. */
function virtualAddressOf(match: ServiceMatch): string {
  const [address = "", length] = (prefixesOf(match)[0] ?? "").split("/");
  const words = addressWords(address);
  const hostBits = length === undefined ? 0 : words.length * 32 - Number(length);
  const family = words.length === 1 ? "ipv4" : "ipv6";
  const last = words.at(-1) ?? 0;
  return addressText(hostBits > 1 ? [...words.slice(0, -1), last + 1] : words, family);
}
