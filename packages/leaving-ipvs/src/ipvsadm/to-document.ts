// Services and servers of IPVS ↔ entries of the configuration.
import type { EncapsulationDocument, ServerDocument, ServiceDocument } from "../document.ts";
import type { IpvsServer, IpvsService, Tunnel } from "./service.ts";
import { familyOfKey } from "./service.ts";

/** How the configuration writes a tunnel; undefined where it is what tun does anyway. */
export function encapsulationOf(tunnel: Tunnel | undefined): EncapsulationDocument | undefined {
  if (tunnel === undefined || tunnel.kind === "ipip") return undefined;
  const checksum = tunnel.checksum && { checksum: true };
  if (tunnel.kind === "gue") return { gue: { port: tunnel.port, ...checksum } };
  return checksum === false ? "gre" : { gre: checksum };
}

/** A server as an entry of a service that forwards by `usual` and has `servicePort` (0: several). */
export function serverDocument(server: IpvsServer, usual: string, servicePort: number): ServerDocument {
  const encapsulation = encapsulationOf(server.tunnel);
  return {
    address: server.address,
    ...(server.mode === "nat" && server.port !== servicePort && server.port !== 0 && { port: server.port }),
    weight: server.weight,
    ...(server.mode !== usual && { forwarding: server.mode }),
    ...(encapsulation !== undefined && { encapsulation }),
    ...(server.upper > 0 && { upperThreshold: server.upper }),
    ...(server.lower > 0 && { lowerThreshold: server.lower }),
  };
}

/** What a service is matched by. */
export function matchDocument({ key }: Pick<IpvsService, "key">): Partial<ServiceDocument> {
  if ("mark" in key) return { mark: key.mark };
  return { address: key.address, port: key.port === 0 ? "any" : key.port, protocol: key.protocol };
}

/** Schedulers whose clients fall back to another server here, and not in IPVS, unless somebody says. */
const hashing: ReadonlySet<string> = new Set(["sh", "mh"]);

/**
 * Everything that `-A` and `-E` set. Flags of other schedulers, which the kernel keeps and does not heed, are left out.
 */
export function settingsDocument(service: IpvsService): Partial<ServiceDocument> {
  const { scheduler, flags, persistenceS, netmaskLength, onePacket } = service;
  const schedulerOptions = flags.filter((flag) => !flag.startsWith("flag-"));
  const timeout = `${persistenceS}s`;
  const isWhole = netmaskLength === (familyOfKey(service.key) === "ipv4" ? 32 : 128);
  return {
    scheduler,
    ...((schedulerOptions.length > 0 || hashing.has(scheduler)) && { schedulerOptions }),
    ...(persistenceS > 0 && { persistence: isWhole ? timeout : { timeout, netmask: netmaskLength } }),
    ...(onePacket && { onePacket }),
  };
}
