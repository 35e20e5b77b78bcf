// Checks of what a forwarding method can do, by the file alone: mapping ports, mixing address families, and the
// settings that only some methods have. What a method asks of the network: ../checks/.
import { MAXIMUM_LOCAL_ADDRESSES } from "@yardmaster/dataplane";
import { forwardingMethods, isMethod, mapsPorts, mixesFamilies } from "../model/forwarding-method.ts";
import { singlePort } from "../model/ports.ts";
import { checkAddress } from "./check-address.ts";
import { familyOfService } from "./check-matches.ts";
import { quoteValue } from "./fault.ts";
import { orList } from "./fields.ts";
import { isBuilt } from "../model/built.ts";
import { checkBuilt } from "./not-built.ts";
import type { Outline, Placed, ServerOutline, ServiceOutline } from "./outline.ts";
import type { Path, Source } from "./source.ts";
import { MOST_LOCAL_ADDRESSES, networkText, readNetwork, valueOf } from "./values.ts";

/** Why a method that maps no ports does not. */
const keepsPorts: Readonly<Record<string, string>> = {
  dr: "it changes nothing but the MAC address",
  tun: "it wraps packets and changes nothing in them",
};

/** Reports what the methods of a file cannot do, and settings that they do not have. */
export function checkMethods(outline: Outline, source: Source): void {
  checkBuilt(outline, source);
  for (const service of outline.services) {
    checkOwnSettings(service, service.servers ?? [], source);
    checkClientAddress(service, source);
    for (const server of service.servers ?? []) {
      checkFamily(server, service, source);
      checkPortMapping(server, service, source);
    }
  }
  checkLocalAddresses(outline, source);
}

function checkFamily({ path, address, forwarding }: ServerOutline, service: ServiceOutline, source: Source): void {
  const family = familyOfService(service);
  if (address === undefined || family === undefined || forwarding === undefined) return;
  const own = address.includes(":") ? "ipv6" : "ipv4";
  if (family === own || (mixesFamilies(forwarding) && isBuilt("mixedFamilies"))) return;
  const [server, others] = own === "ipv4" ? ["IPv4", "IPv6"] : ["IPv6", "IPv4"];
  const able = isBuilt("mixedFamilies") ? forwardingMethods.filter(mixesFamilies) : [];
  const other = able.length === 0 ? "" : `, or use forwarding: ${orList(able)}`;
  source.errorAt([...path, "address"], {
    code: "YM_CONFIG_FAMILY",
    message: `server ${address} is ${server}, its service ${others}: ${forwarding} cannot mix them`,
    hint: `write the server's ${others} address, or a service of its own for ${server}${other}`,
  });
}

function checkPortMapping({ path, ownPort, forwarding }: ServerOutline, service: ServiceOutline, source: Source): void {
  if (forwarding === undefined || mapsPorts(forwarding) || ownPort === undefined) return;
  const port = service.ports === undefined ? undefined : singlePort(service.ports);
  const isMarked = service.keys.has("mark");
  if (ownPort === port || (service.ports === undefined && !isMarked)) return;
  const many = isMarked ? "the ports of a mark" : "several ports";
  const mapped = port === undefined ? many : `port ${port}`;
  const listens = port === undefined ? "on the ports that clients use" : `on ${port}`;
  const able = orList(forwardingMethods.filter(mapsPorts));
  source.errorAt([...path, "port"], {
    code: "YM_CONFIG_PORT_MAPPING",
    message: `${forwarding} cannot map ${mapped} to ${ownPort}: ${keepsPorts[forwarding] ?? "it changes no ports"}`,
    hint: `remove the port (the server then listens ${listens}), or use forwarding: ${able}`,
  });
}

/** Settings that one method has, and which. */
const ownSettings = { encapsulation: "tun", clientAddress: "fullnat", localAddresses: "fullnat" } as const;
type OwnSetting = keyof typeof ownSettings;

/** Reports settings of methods that are not used where they stand. */
function checkOwnSettings(service: ServiceOutline, servers: readonly ServerOutline[], source: Source): void {
  const used = [service.forwarding, ...servers.map(({ forwarding }) => forwarding)];
  for (const setting of Object.keys(ownSettings) as OwnSetting[]) {
    // What cannot be read may be the method that has it.
    if (service.keys.has(setting) && !used.includes(undefined) && !uses(used, setting)) {
      source.errorAtKey([...service.path, setting], unused(setting, `service ${quoteValue(service.name)} has none`));
    }
    for (const { path, keys, forwarding } of servers) {
      if (!keys.has(setting) || forwarding === undefined || uses([forwarding], setting)) continue;
      source.errorAtKey([...path, setting], unused(setting, `this server has ${forwarding}`));
    }
    if (setting !== "encapsulation") continue;
    for (const { path, keys } of [service, ...servers]) {
      if (keys.has(setting)) checkEncapsulation([...path, setting], source);
    }
  }
}

function uses(methods: readonly (string | undefined)[], setting: OwnSetting): boolean {
  return methods.includes(ownSettings[setting]);
}

function unused(setting: OwnSetting, found: string) {
  const method = ownSettings[setting];
  const hint = `remove ${setting}, or use forwarding: ${method}`;
  return { code: "YM_CONFIG_METHOD", message: `${setting} is a setting of ${method}, and ${found}`, hint };
}

function checkEncapsulation(path: Path, source: Source): void {
  const value = source.valueAt(path);
  if (typeof value !== "object" || value === null || Array.isArray(value)) return;
  const kinds = ["gue", "gre"].filter((kind) => Object.hasOwn(value, kind));
  if (kinds.length === 1 || Object.keys(value).length > kinds.length) return;
  source.errorAt(path, {
    code: "YM_CONFIG_VALUE",
    message: kinds.length === 0 ? "encapsulation names no kind" : `encapsulation names both ${kinds.join(" and ")}`,
    hint: "write one of gue and gre, or the word ipip",
  });
}

function checkClientAddress(service: ServiceOutline, source: Source): void {
  if (service.protocol !== "udp" || !isBuilt("clientAddress")) return;
  for (const { path } of [service, ...(service.servers ?? [])]) {
    const at = [...path, "clientAddress"];
    if (source.valueAt(at) !== "toa") continue;
    source.errorAt(at, {
      code: "YM_CONFIG_METHOD",
      message: "clientAddress toa is a TCP option: udp has none",
      hint: "write clientAddress: none, or use forwarding: tun or dr, which keep the client's address",
    });
  }
}

/** Full NAT sends from addresses that are given to it and that nobody else has. */
function checkLocalAddresses(outline: Outline, source: Source): void {
  const { services } = outline;
  const taken = new Map<string, string>();
  const isAsked = [outline, ...services].some(({ localAddresses }) => localAddresses.length > 0);
  for (const { name, addresses, servers = [] } of isAsked ? services : []) {
    for (const { value } of addresses) taken.set(networkText(value), `the address of service ${quoteValue(name)}`);
    for (const { address } of servers) if (address !== undefined) taken.set(address, "a server's address");
  }
  for (const { localAddresses } of [outline, ...services]) {
    for (const { path, value } of localAddresses) {
      checkAddress(path, valueOf(readNetwork(value[0] ?? "")), source);
      const clash = value.find((address) => taken.has(address));
      if (clash === undefined) continue;
      source.errorAt(path, {
        code: "YM_CONFIG_LOCAL_ADDRESS",
        message: `${clash} is ${taken.get(clash)}: fullnat cannot send from it`,
        hint: "give fullnat addresses that nothing else uses",
      });
    }
    checkCount(localAddresses, source);
  }
  checkTotal([outline, ...services], source);
  for (const service of services) checkLocalAddressesGiven(service, outline, source);
}

function checkCount(localAddresses: readonly Placed<readonly string[]>[], source: Source): void {
  const [first] = localAddresses;
  const count = localAddresses.reduce((sum, { value }) => sum + value.length, 0);
  if (first === undefined || count <= MOST_LOCAL_ADDRESSES) return;
  source.errorAt(first.path.slice(0, -1), {
    code: "YM_CONFIG_RANGE",
    message: `localAddresses are ${count} addresses: more than ${MOST_LOCAL_ADDRESSES} are no use`,
    hint: "an address has some 36,000 ports for every server",
  });
}

/** The data plane keeps each list once. */
function checkTotal(lists: readonly Pick<ServiceOutline, "localAddresses">[], source: Source): void {
  const known = new Set<string>();
  let total = 0;
  for (const { localAddresses } of lists) {
    const addresses = localAddresses.flatMap(({ value }) => value);
    const text = addresses.join(" ");
    if (known.has(text)) continue;
    known.add(text);
    total += addresses.length;
    const [first] = localAddresses;
    if (first === undefined || total <= MAXIMUM_LOCAL_ADDRESSES) continue;
    source.errorAt(first.path.slice(0, -1), {
      code: "YM_CONFIG_RANGE",
      message: `all localAddresses together are ${total}: there is room for ${MAXIMUM_LOCAL_ADDRESSES}`,
      hint: "let services share a list: under director.localAddresses, or the same in each",
    });
    return;
  }
}

function checkLocalAddressesGiven(service: ServiceOutline, outline: Outline, source: Source): void {
  const own = service.keys.has("localAddresses");
  // A list that cannot be read has a fault of its own.
  if (own ? service.localAddresses.length === 0 : outline.hasLocalAddresses && outline.localAddresses.length === 0) {
    return;
  }
  const given = (own ? service : outline).localAddresses.flatMap(({ value }) => value);
  for (const { path, address, forwarding } of service.servers ?? []) {
    if (!isMethod(forwarding, "fullnat") || address === undefined) continue;
    const isSix = address.includes(":");
    if (given.some((local) => local.includes(":") === isSix)) continue;
    const family = isSix ? "IPv6" : "IPv4";
    source.errorAt([...path, "address"], {
      code: "YM_CONFIG_LOCAL_ADDRESS",
      message: `fullnat has no ${family} address to send to server ${address} from`,
      hint: "write addresses that lead to the director, and that nothing else uses, under director.localAddresses",
    });
  }
}
