// What each place of the configuration may hold, as data: the one table behind the schema (validation, JSON Schema)
// and behind the texts that say what is wrong and what would be right.
import { clientAddresses, plannedClientAddresses } from "../model/client-address.ts";
import { downActions } from "../model/check.ts";
import {
  compatibilities,
  hooks,
  mssRange,
  portReuses,
  quiescedTemplates,
  removals,
  type TimedState,
  timedStates,
} from "../model/configuration.ts";
import { encapsulations } from "../model/encapsulation.ts";
import {
  type ForwardingMethod,
  forwardingMethods,
  methodWords,
  plannedForwardingMethods,
} from "../model/forwarding-method.ts";
import { schedulerOptions, schedulers, tableSizes } from "../model/scheduler.ts";
import { protocols } from "../model/virtual-service.ts";
import {
  choice,
  type ChoiceField,
  duration,
  type DurationField,
  durationOrOff,
  type Field,
  group,
  integer,
  orList,
  text,
  type TextField,
} from "./field.ts";
import { checkFields } from "./health-fields.ts";
import type { Path } from "./source.ts";

export { type ChoiceField, type Field, type IntegerField, orList, type TextField } from "./field.ts";

/** Of the connection table, and so of everything that is counted in connections. */
const MOST_CONNECTIONS = 67_108_864;

const timeout = (what: string) => duration(`timeout of ${what}: a number with its unit, such as 90s, 15m, 1h`);
const ports = text("ports", "ports: a number (1–65535), a list such as [80, 443], a range such as 8000-8999, or any");
const protocol = choice(protocols, "a protocol", ["sctp"]);
const network = (meaning: string) => text("network", `${meaning}, such as 198.51.100.10, 10.0.0.0/8 or 2001:db8::10`);
const mark = integer(1, 0xffff_ffff, "a mark is a number, 1–4294967295");
const threshold = (meaning: string) => integer(0, MOST_CONNECTIONS, `${meaning}, 0–${MOST_CONNECTIONS}; 0 for none`);
const cap = (meaning: string) => integer(1, MOST_CONNECTIONS, `${meaning}, 1–${MOST_CONNECTIONS}`);
const forwarding: ChoiceField<ForwardingMethod> = {
  ...choice(forwardingMethods, "", plannedForwardingMethods),
  // Also of those that are not built: the text stays when they are.
  meaning: `forwarding methods: ${orList(methodWords)}`,
};
const encapsulation = text(
  "encapsulation",
  `how tun wraps packets: ${orList(encapsulations)}, or { gue: { port: 6080 } }, { gre: { checksum: true } }`,
);
const gue = group("map", "GUE's parameters: { port: 6080, checksum: false }");
const guePort = integer(1, 65535, "the UDP port that servers take GUE on, 1–65535");
const gueChecksum = text("flag", "whether the outer UDP header has a checksum: true or false");
const gre = group("map", "GRE's parameters: { checksum: false }");
const greChecksum = text("flag", "whether the GRE header has a checksum: true or false");
const clientAddress = choice(clientAddresses, "how fullnat tells a server who the client is", plannedClientAddresses);
const localAddresses = group("list", "what fullnat sends from: a list such as [10.0.0.5, 10.0.0.16/28]");
const localAddress = text(
  "addresses",
  "an address, a prefix such as 10.0.0.16/28, or a range such as 10.0.0.5-10.0.0.9",
);

/** What the best known timeouts are of; the others are named by the state. */
const timedMeanings: Readonly<Partial<Record<TimedState, string>>> = {
  tcp: "established TCP connections",
  tcpFin: "TCP connections that are being closed",
  udp: "UDP flows",
};
const timeouts = Object.fromEntries(
  Object.entries(timedStates).map(([word, state]) => [
    `director.timeouts.${word}`,
    timeout(timedMeanings[word as TimedState] ?? `TCP connections in state ${state}`),
  ]),
) as Readonly<Record<`director.timeouts.${TimedState}`, DurationField>>;

/** Fields by path; `*` stands for any name or list index. */
export const fields = {
  "": group("map", "a configuration is a map with the keys director, api and services"),
  director: group("map", "settings of the director itself"),
  "director.interfaces": group("list", "a list of interface names, such as [eth0]"),
  "director.interfaces.*": text("interface", "an interface name is 1–15 characters, such as eth0"),
  "director.hook": choice(hooks, "where the program is attached"),
  "director.compatibility": choice(compatibilities, "whose behaviour to keep to the letter"),
  "director.timeouts": group("map", "after how much silence a connection is forgotten"),
  ...timeouts,
  "director.connections": group("map", "the connection table"),
  "director.connections.maximum": integer(
    1,
    MOST_CONNECTIONS,
    `how many entries the connection table holds, 1–${MOST_CONNECTIONS}`,
  ),
  "director.timeouts.lblc": timeout("addresses that lblc remembers"),
  "director.timeouts.lblcr": timeout("addresses that lblcr remembers, and servers in their sets"),
  "director.onRemoval": choice(removals, "what becomes of connections of a removed server (LVS: drop)"),
  "director.quiescedTemplates": choice(quiescedTemplates, "whether persistent clients keep a server of weight 0"),
  "director.portReuse": choice(portReuses, "which connections a SYN of the same client port replaces"),
  "director.sloppyTcp": text("flag", "whether any TCP packet may open a connection: true or false"),
  "director.secureTcp": text("flag", "whether only a server's answer establishes a TCP connection: true or false"),
  "director.dropPackets": group("map", "a share of new connections to drop, such as { oneOf: 10 }"),
  "director.dropPackets.oneOf": integer(2, 1_000_000, "of how many packets that open a connection one is dropped"),
  "director.answersPerSecond": integer(0, 1_000_000, "ICMP errors and resets sent at most in a second, 0–1000000"),
  "director.localAddresses": localAddresses,
  "director.localAddresses.*": localAddress,
  "director.checkNetworks": group(
    "list",
    "where checks through the data plane come from: [198.18.0.0/18, fd00:5::/64]",
  ),
  "director.checkNetworks.*": network("a network that nothing else uses"),
  "director.mssClamp": {
    kind: "wordOrNumber",
    words: ["auto", "off"],
    ...mssRange,
    meaning: `the largest MSS of a SYN: auto, off, or a number, ${mssRange.minimum}–${mssRange.maximum}`,
  },
  "director.scheduleIcmp": text("flag", "whether an ICMP error about no connection may open one: true or false"),
  "director.natIcmpSend": text("flag", "whether a server's packet of no connection is refused: true or false"),
  "director.pathMtuDiscovery": text(
    "flag",
    'whether packets that say "do not fragment" are never divided in tunnels: true or false',
  ),
  "director.pingVip": text("flag", "whether pings to a service's address are answered: true or false"),
  "director.marks": group("list", "which packets get a mark: a list of { mark: 7, address: 10.0.0.0/8, port: 80 }"),
  "director.marks.*": group("map", "which packets get a mark: mark, address, port, protocol"),
  "director.marks.*.mark": mark,
  "director.marks.*.address": network("the address or prefix that the packets are addressed to"),
  "director.marks.*.port": ports,
  "director.marks.*.protocol": protocol,
  api: group("map", "who may ask the API: { group: ops, listen: 127.0.0.1:9400, tokenFile: /etc/yardmaster/tokens }"),
  "api.group": text("text", "a group whose members may use the API's Unix socket: its name, or its number in quotes"),
  "api.listen": text("text", "where the API listens on TCP: an address and a port, such as 127.0.0.1:9400"),
  "api.tokenFile": text("text", "the path of a file of tokens, one a line"),
  "api.certificateFile": text("text", "the path of the API's certificate (PEM)"),
  "api.keyFile": text("text", "the path of its key (PEM)"),
  "api.clientCaFile": text("text", "the path of the certificates that vouch for clients (PEM)"),
  services: group("map", "a map from each service's name to its settings"),
  "services.*": group("map", "a virtual service: address, port, protocol, scheduler, forwarding, servers"),
  "services.*.address": network("the address or prefix that clients connect to"),
  "services.*.addresses": group("list", "a list of addresses and prefixes that clients connect to"),
  "services.*.addresses.*": network("an address or a prefix"),
  "services.*.port": ports,
  "services.*.protocol": choice(protocols, "a service's protocol", ["sctp"]),
  "services.*.mark": mark,
  "services.*.scheduler": choice(schedulers, "schedulers"),
  "services.*.schedulerOptions": group("list", "a list of the scheduler's options, such as [sh-port]"),
  "services.*.schedulerOptions.*": choice(schedulerOptions, "schedulers' options"),
  "services.*.tableSize": integer(
    tableSizes.minimum,
    tableSizes.maximum,
    `how many slots the scheduler's table has: a prime, ${tableSizes.minimum}–${tableSizes.maximum}`,
  ),
  "services.*.forwarding": forwarding,
  "services.*.encapsulation": encapsulation,
  "services.*.encapsulation.gue": gue,
  "services.*.encapsulation.gue.port": guePort,
  "services.*.encapsulation.gue.checksum": gueChecksum,
  "services.*.encapsulation.gre": gre,
  "services.*.encapsulation.gre.checksum": greChecksum,
  "services.*.clientAddress": clientAddress,
  "services.*.localAddresses": localAddresses,
  "services.*.localAddresses.*": localAddress,
  "services.*.persistence": text(
    "persistence",
    "how long clients stay with their server, such as 5m, or { timeout: 5m, netmask: 24 }",
  ),
  "services.*.persistence.timeout": timeout("persistent clients"),
  "services.*.persistence.netmask": text(
    "netmask",
    "which clients are one: a number of bits such as 24 (IPv4) or 64 (IPv6), or a mask such as 255.255.255.0",
  ),
  "services.*.onePacket": text("flag", "whether every packet is scheduled on its own: true or false"),
  "services.*.drain": durationOrOff(
    "how long a server that is removed may keep its connections: a duration such as 5m, or off",
  ),
  "services.*.slowStart": durationOrOff(
    "how long a server that comes takes to come to its weight: a duration such as 30s, or off",
  ),
  "services.*.caps": group("map", "limits of the service: newPerSecond, halfOpen"),
  "services.*.caps.newPerSecond": cap("new connections taken in a second"),
  "services.*.caps.halfOpen": cap("TCP connections that may be half open at once"),
  "services.*.onDown": choice(downActions, "what becomes of connections of a server that fails its checks"),
  "services.*.quorum": integer(
    1,
    65535,
    "servers of so much weight together must be up, or the sorry server is used, 1–65535",
  ),
  "services.*.sorryServer": group("map", "who answers when too few servers are up: { address: 10.0.0.99, port: 80 }"),
  "services.*.sorryServer.address": text("address", "the address of the sorry server, such as 10.0.0.99"),
  "services.*.sorryServer.port": integer(1, 65535, "a port is a number, 1–65535"),
  "services.*.sorryServer.forwarding": forwarding,
  "services.*.servers": group("list", "a list of real servers, each { address: 10.0.0.11, weight: 1 }"),
  "services.*.servers.*": group("map", "a real server: address, port, weight, forwarding"),
  "services.*.servers.*.address": text("address", "the address of the real server, such as 10.0.0.11 or 2001:db8::11"),
  "services.*.servers.*.port": integer(1, 65535, "a port is a number, 1–65535"),
  "services.*.servers.*.weight": integer(0, 65535, "a weight is a number, 0–65535; 0 takes no new connections"),
  "services.*.servers.*.drain": durationOrOff(
    "how long this server may keep its connections when it is removed: a duration such as 5m, or off",
  ),
  "services.*.servers.*.forwarding": forwarding,
  "services.*.servers.*.encapsulation": encapsulation,
  "services.*.servers.*.encapsulation.gue": gue,
  "services.*.servers.*.encapsulation.gue.port": guePort,
  "services.*.servers.*.encapsulation.gue.checksum": gueChecksum,
  "services.*.servers.*.encapsulation.gre": gre,
  "services.*.servers.*.encapsulation.gre.checksum": greChecksum,
  "services.*.servers.*.clientAddress": clientAddress,
  "services.*.servers.*.upperThreshold": threshold("connections at which a server gets no more"),
  "services.*.servers.*.lowerThreshold": threshold("connections below which it gets some again"),
} as const satisfies Readonly<Record<string, Field>>;

/** The same, and those of checks wherever one may stand. */
export const allFields: Readonly<Record<string, Field>> = {
  ...fields,
  ...checkFields("services.*"),
  ...checkFields("services.*.servers.*"),
};

/** Keys of `api`. */
export const apiKeys = ["group", "listen", "tokenFile", "certificateFile", "keyFile", "clientCaFile"] as const;

/** A name that a service may have. */
export const serviceName: TextField = {
  kind: "name",
  meaning: "a service's name is 1–63 letters, digits, dots, dashes or underscores and begins with a letter or digit",
};

/** The field that stands at a path of a configuration file. */
export function fieldAt(path: Path): Field | undefined {
  const key = patternOf(path).join(".");
  return Object.hasOwn(allFields, key) ? allFields[key] : undefined;
}

/** The keys that the map at a path may have. */
export function keysAt(path: Path): readonly string[] {
  const prefix = patternOf(path);
  return Object.keys(allFields)
    .map((key) => (key === "" ? [] : key.split(".")))
    .filter((steps) => steps.length === prefix.length + 1 && prefix.every((part, index) => part === steps[index]))
    .map((steps) => steps.at(-1) ?? "")
    .filter((key) => key !== "*");
}

/** The path with `*` for list indexes and for names that are people's own. */
function patternOf(path: Path): readonly string[] {
  return path.map((step, index) => {
    const isOwnName = (path[0] === "services" && index === 1) || (index > 2 && path[index - 1] === "headers");
    return typeof step === "number" || isOwnName ? "*" : step;
  });
}
