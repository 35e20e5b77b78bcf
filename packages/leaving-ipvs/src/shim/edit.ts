// Commands of ipvsadm as changes of the configuration's text: what else stands there, comments too, stays as it is.
// Refused with the kernel's answers as ipvsadm words them.
import { schedulers } from "@yardmaster/director";
import { formatAddress, tryParseAddress } from "@yardmaster/packet";
import { type Document, isMap, isSeq, type YAMLMap, type YAMLSeq } from "yaml";
import { Names } from "../imported.ts";
import type { Command } from "../ipvsadm/command.ts";
import { timeoutsDocument } from "../ipvsadm/import-ipvsadm.ts";
import { endpointText, familyOf, type IpvsServer, type IpvsService, type ServiceKey } from "../ipvsadm/service.ts";
import { matchDocument, serverDocument, settingsDocument } from "../ipvsadm/to-document.ts";
import { IpvsadmRefusal } from "../ipvsadm/words.ts";
import { wholeAddress } from "./view.ts";

/** Commands that change the configuration. */
export type ChangingCommand = Extract<
  Command,
  {
    readonly kind:
      | "addService"
      | "editService"
      | "removeService"
      | "clear"
      | "addServer"
      | "editServer"
      | "removeServer"
      | "setTimeouts";
  }
>;

const kinds: ReadonlySet<string> = new Set<ChangingCommand["kind"]>([
  ...(["addService", "editService", "removeService", "clear"] as const),
  ...(["addServer", "editServer", "removeServer", "setTimeouts"] as const),
]);

/** Whether a command changes the configuration. */
export function isChanging(command: Command): command is ChangingCommand {
  return kinds.has(command.kind);
}

/** ipvsadm ends so where the kernel refuses. */
function refuse(message: string): IpvsadmRefusal {
  return new IpvsadmRefusal(255, message);
}

/** What `-A` and `-E` set, and `-e` for servers; everything else of an entry is left alone. */
const serviceKeys = ["scheduler", "schedulerOptions", "persistence", "onePacket"] as const;
const serverKeys = ["weight", "forwarding", "encapsulation", "upperThreshold", "lowerThreshold"] as const;

/** Carries a command out on a document. Throws IpvsadmRefusal, and then nothing has changed. */
export function edit(document: Document, command: ChangingCommand): void {
  switch (command.kind) {
    case "addService":
      return addService(document, command.service);
    case "editService":
      return editService(document, command.service);
    case "removeService": {
      const { name } = find(document, command.key, "No such service");
      document.deleteIn(["services", name]);
      return;
    }
    case "clear":
      document.set("services", document.createNode({}));
      return;
    case "addServer":
      return addServer(document, command.key, command.server);
    case "editServer":
      return editServer(document, command.key, command.server);
    case "removeServer": {
      const service = find(document, command.key, "Service not defined");
      const at = service.servers.indexOf(command.name);
      if (at < 0) throw refuse("No such destination");
      serversOf(service.entry).items.splice(at, 1);
      return;
    }
    case "setTimeouts": {
      const before = document.getIn(["director", "timeouts"]);
      const kept = isMap(before) ? (before.toJS(document) as Record<string, string>) : {};
      document.setIn(["director", "timeouts"], document.createNode(timeoutsDocument(command.timeoutsS, kept)));
    }
  }
}

/** A service of the document. */
interface Found {
  readonly name: string;
  readonly entry: YAMLMap;
  /** The endpoints of its servers, in its order. */
  readonly servers: readonly string[];
  readonly forwarding: string;
}

interface Written {
  readonly address?: string;
  readonly addresses?: readonly string[];
  readonly port?: unknown;
  readonly protocol?: string;
  readonly mark?: number;
  readonly forwarding?: string;
  readonly servers?: readonly { readonly address?: string; readonly port?: number }[];
}

function servicesOf(document: Document): YAMLMap {
  const services = document.get("services");
  if (isMap(services)) return services;
  const empty = document.createNode({}) as YAMLMap;
  document.set("services", empty);
  return empty;
}

function tryFind(document: Document, key: ServiceKey): Found | undefined {
  for (const pair of servicesOf(document).items) {
    const entry = pair.value;
    if (!isMap(entry)) continue;
    const written = entry.toJS(document) as Written;
    if (!isFor(written, key)) continue;
    const port = "mark" in key ? 0 : key.port;
    const servers = (written.servers ?? []).map((server) =>
      endpointText(canonical(server.address ?? ""), server.port ?? port),
    );
    return { name: String(pair.key), entry, servers, forwarding: written.forwarding ?? "" };
  }
  return undefined;
}

function find(document: Document, key: ServiceKey, otherwise: string): Found {
  const found = tryFind(document, key);
  if (found === undefined) throw refuse(otherwise);
  return found;
}

function isFor(written: Written, key: ServiceKey): boolean {
  if ("mark" in key) {
    const family = familyOf(written.servers?.[0]?.address ?? (key.family === "ipv6" ? "::" : ""));
    return written.mark === key.mark && family === key.family;
  }
  const addresses = written.address === undefined ? (written.addresses ?? []) : [written.address];
  const port = written.port === "any" ? 0 : Array.isArray(written.port) ? onlyOne(written.port) : written.port;
  const [address] = addresses;
  const isSame = addresses.length === 1 && address !== undefined && wholeAddress(address) === key.address;
  return isSame && Number(port) === key.port && (written.protocol ?? "tcp") === key.protocol;
}

function onlyOne(list: readonly unknown[]): unknown {
  return list.length === 1 ? list[0] : undefined;
}

function canonical(address: string): string {
  const bytes = tryParseAddress(address);
  return bytes === undefined ? address : formatAddress(bytes);
}

function addService(document: Document, service: IpvsService): void {
  if (tryFind(document, service.key) !== undefined) throw refuse("Service already exists");
  checkScheduler(service);
  const services = servicesOf(document);
  const names = new Names();
  for (const pair of services.items) names.take(String(pair.key));
  const { key } = service;
  const name = "mark" in key ? names.take("mark", key.mark) : names.take(key.protocol, key.address, key.port || "any");
  const entry = { ...matchDocument(service), ...settingsDocument(service), forwarding: "dr", servers: [] };
  services.flow = false;
  services.set(document.createNode(name), document.createNode(entry));
}

function editService(document: Document, service: IpvsService): void {
  const { entry } = find(document, service.key, "No such service");
  checkScheduler(service);
  const settings = settingsDocument(service);
  if (entry.get("scheduler") !== settings.scheduler) entry.delete("tableSize");
  assign(document, entry, serviceKeys, settings);
}

function checkScheduler({ scheduler }: IpvsService): void {
  if (!(schedulers as readonly string[]).includes(scheduler)) throw refuse("Scheduler or persistence engine not found");
}

function serversOf(entry: YAMLMap): YAMLSeq {
  const servers = entry.get("servers");
  if (!isSeq(servers)) throw refuse("the configuration does not have this service's servers as a list of its own");
  return servers;
}

/** New servers go to the front, as in the kernel's list. The first one says how the service forwards. */
function addServer(document: Document, key: ServiceKey, server: IpvsServer): void {
  const { entry, servers, forwarding } = find(document, key, "Service not defined");
  checkThresholds(server);
  if (servers.includes(nameOf(server, key))) throw refuse("Destination already exists");
  if (servers.length === 0) entry.set("forwarding", server.mode);
  const usual = servers.length === 0 ? server.mode : forwarding;
  const node = document.createNode(serverDocument(server, usual, "mark" in key ? 0 : key.port)) as YAMLMap;
  node.flow = true;
  const list = serversOf(entry);
  list.flow = false;
  list.items.unshift(node);
}

function editServer(document: Document, key: ServiceKey, server: IpvsServer): void {
  const { entry, servers, forwarding } = find(document, key, "Service not defined");
  checkThresholds(server);
  const at = servers.indexOf(nameOf(server, key));
  const node = at < 0 ? undefined : serversOf(entry).items[at];
  if (!isMap(node)) throw refuse("No such destination");
  assign(document, node, serverKeys, serverDocument(server, forwarding, "mark" in key ? 0 : key.port));
}

/** Of a mark the kernel keeps the port of a server that maps none; there is no use for one. */
function nameOf({ address, port, mode }: IpvsServer, key: ServiceKey): string {
  return endpointText(address, "mark" in key && mode !== "nat" ? 0 : port);
}

/** net/netfilter/ipvs/ip_vs_ctl.c, ip_vs_add_dest: ERANGE. */
function checkThresholds({ upper, lower }: IpvsServer): void {
  if (lower > upper) throw refuse("Numerical result out of range");
}

/** Sets keys to what `values` has, and removes those that it has not. */
function assign(document: Document, map: YAMLMap, keys: readonly string[], values: object): void {
  for (const key of keys) {
    const value = (values as Readonly<Record<string, unknown>>)[key];
    if (value === undefined) map.delete(key);
    else map.set(key, document.createNode(value, { flow: true }));
  }
}
