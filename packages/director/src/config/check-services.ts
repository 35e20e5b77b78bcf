// Checks that look at several places of the file at once and need nothing but the file: duplicates, port mappings
// that a method cannot do, addresses that no service or server can have.
import { quoteValue } from "./fault.ts";
import type { Outline, ServerOutline, ServiceOutline } from "./outline.ts";
import type { Path, Source } from "./source.ts";

/** Reports faults between the places of a file. */
export function checkServices(outline: Outline, source: Source): void {
  checkInterfaces(outline, source);
  const services = new Map<string, ServiceOutline>();
  for (const service of outline.services) {
    checkAddress([...service.path, "address"], service.address, source);
    checkIdentity(service, services, source);
    if (service.servers?.length === 0) {
      const message = `service ${quoteValue(service.name)} has no servers: nobody answers its clients`;
      const hint = "add servers, or remove the service";
      source.warnAt([...service.path, "servers"], { code: "YM_CONFIG_NO_SERVERS", message, hint });
    }
    const servers = new Map<string, ServerOutline>();
    for (const server of service.servers ?? []) {
      checkAddress([...server.path, "address"], server.address, source);
      checkServer(server, service, source);
      checkTwin(server, servers, source);
    }
  }
}

function checkInterfaces(outline: Outline, source: Source): void {
  const seen = new Set<string>();
  for (const { path, name } of outline.interfaces) {
    if (seen.has(name)) {
      const message = `interface ${quoteValue(name)} is listed twice`;
      source.errorAt(path, { code: "YM_CONFIG_DUPLICATE_INTERFACE", message, hint: "remove one of the two" });
    }
    seen.add(name);
  }
}

function checkIdentity(service: ServiceOutline, seen: Map<string, ServiceOutline>, source: Source): void {
  const { address, port, protocol } = service;
  if (address === undefined || port === undefined || protocol === undefined) return;
  const identity = `${protocol} ${address}:${port}`;
  const twin = seen.get(identity);
  if (twin === undefined) {
    seen.set(identity, service);
    return;
  }
  const first = `${quoteValue(twin.name)} on ${source.lineOfKey(twin.path)}`;
  source.errorAtKey(service.path, {
    code: "YM_CONFIG_DUPLICATE_SERVICE",
    message: `service ${quoteValue(service.name)} is the same as ${first}: ${identity}`,
    hint: "put their servers into one service, or change one's address, port or protocol",
  });
}

function checkTwin(server: ServerOutline, seen: Map<string, ServerOutline>, source: Source): void {
  if (server.address === undefined || server.port === undefined) return;
  const identity = `${server.address}:${server.port}`;
  const twin = seen.get(identity);
  if (twin === undefined) {
    seen.set(identity, server);
    return;
  }
  const message = `server ${identity} is already on ${source.lineOf(twin.path)}`;
  const hint = "list a server once; a higher weight gives it more connections";
  source.errorAt(server.path, { code: "YM_CONFIG_DUPLICATE_SERVER", message, hint });
}

function checkServer(server: ServerOutline, service: ServiceOutline, source: Source): void {
  const { address, ownPort, forwarding } = server;
  if (forwarding === "dr" && ownPort !== undefined && service.port !== undefined && ownPort !== service.port) {
    source.errorAt([...server.path, "port"], {
      code: "YM_CONFIG_PORT_MAPPING",
      message: `dr cannot map port ${service.port} to ${ownPort}: it changes nothing but the MAC address`,
      hint: `remove the port (the server then listens on ${service.port}), or use forwarding: nat`,
    });
  }
  if (address !== undefined && address === service.address) {
    const message = `server ${address} is the service's own address: packets would come back to the director`;
    const hint = "write the address that the real server itself has";
    source.errorAt([...server.path, "address"], { code: "YM_CONFIG_SERVER_IS_SERVICE", message, hint });
  }
}

/** Addresses that can't be a host's to reach (RFC 6890, RFC 5771). */
function checkAddress(path: Path, address: string | undefined, source: Source): void {
  if (address === undefined) return;
  const first = Number.parseInt(address, 10);
  const kind =
    first === 0
      ? `in the "this network" block 0.0.0.0/8`
      : first === 127
        ? "a loopback address"
        : first >= 224 && first < 240
          ? "a multicast address"
          : first >= 240
            ? "a reserved or broadcast address"
            : undefined;
  if (kind === undefined) return;
  const hint = "write an address that other hosts can reach";
  source.errorAt(path, { code: "YM_CONFIG_ADDRESS", message: `${address} is ${kind}`, hint });
}
