// Checks of a configuration against the network of this machine: interfaces that exist, servers that have a route, VIPs
// that reach this machine, and at each server what its method asks for (../checks/).
import type { FamilyName } from "@yardmaster/dataplane";
import { formatAddress } from "@yardmaster/packet";
import { familyOf } from "../address.ts";
import type { Finding, Subject } from "../checks/check.ts";
import { type Network, routeEvidence } from "../checks/network.ts";
import { checkRequirements } from "../checks/registry.ts";
import { protocols } from "../model/virtual-service.ts";
import { isMethod } from "../model/forwarding-method.ts";
import { familyOfService } from "./check-matches.ts";
import { quoteValue } from "./fault.ts";
import type { Outline, Placed, ServerOutline, ServiceOutline } from "./outline.ts";
import type { Path, Source } from "./source.ts";
import { suggest } from "./suggest.ts";

/** Reports faults and warnings between a file and the network. Errors of `network` itself are the caller's. */
export function checkNetwork(outline: Outline, network: Network, source: Source): void {
  checkInterfaceNames(outline, network, source);
  const reported = new Set<string>();
  for (const service of outline.services) {
    for (const address of singleAddresses(service)) checkVirtualAddress(address, network, source);
    const common = subjectOf(outline, service);
    for (const server of service.servers ?? []) {
      checkServerRoute(server, network, source);
      for (const finding of common === undefined ? [] : findingsOf(common, server, network)) {
        // What is wrong with the machine is wrong for every server: once is enough.
        if (reported.has(finding.message)) continue;
        reported.add(finding.message);
        report(placeOf(finding, outline, service, server), finding, source);
      }
    }
  }
}

/** Of a prefix the kernel does not say whether all of it is this machine's. */
function singleAddresses({ addresses }: ServiceOutline): readonly Placed<string>[] {
  return addresses
    .filter(({ value }) => value.length === value.address.length * 8)
    .map(({ path, value }) => ({ path, value: formatAddress(value.address) }));
}

/** What holds for all servers of a service. */
type Common = Pick<Subject, "family" | "virtual" | "protocols" | "localAddresses" | "interfaces">;

function subjectOf(outline: Outline, service: ServiceOutline): Common | undefined {
  const family: FamilyName | undefined = familyOfService(service);
  if (family === undefined) return undefined;
  const local = service.keys.has("localAddresses") ? service : outline;
  return {
    family,
    virtual: singleAddresses(service).map(({ value }) => value),
    protocols: service.keys.has("mark") ? protocols : [service.protocol ?? "tcp"],
    localAddresses: local.localAddresses.flatMap(({ value }) => value),
    interfaces: outline.interfaces.length === 0 ? undefined : outline.interfaces.map(({ value }) => value),
  };
}

function findingsOf(
  common: Common,
  { address, forwarding, encapsulation }: ServerOutline,
  network: Network,
): readonly Finding[] {
  if (address === undefined || forwarding === undefined) return [];
  const subject: Subject = {
    ...common,
    ...{ forwarding, server: address },
    encapsulation: encapsulation ?? (isMethod(forwarding, "tun") ? { kind: "ipip" } : undefined),
    localAddresses: common.localAddresses.filter((each) => familyOf(each) === familyOf(address)),
  };
  return checkRequirements(subject, network);
}

/** Where the address stands that a finding is about. */
function placeOf({ about }: Finding, outline: Outline, service: ServiceOutline, { path }: ServerOutline): Path {
  const entries = [...service.localAddresses, ...outline.localAddresses];
  const entry = about === undefined ? undefined : entries.find(({ value }) => value.includes(about));
  return entry?.path ?? [...path, "address"];
}

function report(path: Path, { severity, code, message, evidence, hint }: Finding, source: Source): void {
  const text = { code, message, evidence, hint };
  if (severity === "error") source.errorAt(path, text);
  else source.warnAt(path, text);
}

function checkInterfaceNames(outline: Outline, network: Network, source: Source): void {
  const names = network.interfaces().map((link) => link.name);
  for (const { path, value: name } of outline.interfaces) {
    if (names.includes(name)) continue;
    const near = suggest(name, names);
    const suggestion = near === undefined ? "" : `did you mean ${quoteValue(near)}? `;
    const shown = names.slice(0, 10).join(", ") + (names.length > 10 ? ", …" : "");
    const hint = `${suggestion}this machine has ${shown}`;
    source.errorAt(path, { code: "YM_CONFIG_INTERFACE", message: `no interface is named ${quoteValue(name)}`, hint });
  }
}

function checkServerRoute(server: ServerOutline, network: Network, source: Source): void {
  if (server.address === undefined) return;
  const path = [...server.path, "address"];
  const route = network.routeTo(server.address);
  if (route === undefined) {
    const message = `server ${server.address} is outside any route of this machine`;
    const hint = `correct the address, or add a route: ip route add ${server.address} …`;
    source.errorAt(path, { code: "YM_CONFIG_NO_ROUTE", message, hint });
  } else if (route.type === "local") {
    const message = `server ${server.address} is an address of this machine`;
    const hint = "forwarding to the director's own host is not supported yet: run the real server on another host";
    source.errorAt(path, { code: "YM_CONFIG_SERVER_IS_LOCAL", message, hint });
  } else if (route.type !== "unicast") {
    const message = `server ${server.address} is a ${route.type} address here (${route.interfaceName})`;
    source.errorAt(path, { code: "YM_CONFIG_ADDRESS", message, hint: "write the address of one host" });
  }
}

function checkVirtualAddress({ path, value: address }: Placed<string>, network: Network, source: Source): void {
  const route = network.routeTo(address);
  if (route?.type === "local") return;
  const length = address.includes(":") ? 128 : 32;
  source.warnAt(path, {
    code: "YM_CONFIG_VIP_ELSEWHERE",
    message: `${address} is no address of this machine: only a router can send its packets here`,
    evidence: route === undefined ? `ip route get ${address}: no route` : routeEvidence(address, route),
    hint: `fine behind a router with a route here; else: ip address add ${address}/${length} dev …`,
  });
}
