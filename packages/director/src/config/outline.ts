// A forgiving view of a configuration file: of each service what can be read, whatever else is wrong with it.
// The checks that compare places (duplicates, port mappings, routes) run on it, so that all faults come at once.
import type { Prefix } from "@yardmaster/packet";
import type { z } from "zod";
import type { MssClamp } from "../model/configuration.ts";
import type { Encapsulation } from "../model/encapsulation.ts";
import type { ForwardingMethod } from "../model/forwarding-method.ts";
import type { Ports } from "../model/ports.ts";
import type { Scheduler, SchedulerOption } from "../model/scheduler.ts";
import type { Protocol } from "../model/virtual-service.ts";
import { fieldSchemas } from "./schema.ts";
import type { Path, SourceNode } from "./source.ts";

/** The keys of a map. */
export type WrittenKeys = Pick<ReadonlySet<string | number>, "has">;

/** A value that could be read, and where it stands. */
export interface Placed<T> {
  readonly path: Path;
  readonly value: T;
}

/** A real server as far as it can be read. `forwarding` falls back to the service's. */
export interface ServerOutline {
  readonly path: Path;
  readonly address: string | undefined;
  /** The server's own port, where it names one. */
  readonly ownPort: number | undefined;
  /** False where it names one that cannot be read. */
  readonly isPortKnown: boolean;
  readonly forwarding: ForwardingMethod | undefined;
  /** Falls back to the service's; undefined where that says nothing or cannot be read. */
  readonly encapsulation: Encapsulation | undefined;
  /** The keys that were written, whether they can be read or not. */
  readonly keys: WrittenKeys;
  readonly weight: number | undefined;
  readonly upperThreshold: number | undefined;
  readonly lowerThreshold: number | undefined;
}

/** Which packets something is for, as far as it can be read. */
export interface MatchOutline {
  readonly path: Path;
  readonly addresses: readonly Placed<Prefix>[];
  readonly ports: Ports | undefined;
  /** Undefined also where it names none. */
  readonly protocol: Protocol | undefined;
  readonly mark: number | undefined;
  /** The keys that were written, whether they can be read or not. */
  readonly keys: WrittenKeys;
}

/** A virtual service as far as it can be read. */
export interface ServiceOutline extends MatchOutline {
  readonly name: string;
  readonly scheduler: Scheduler | undefined;
  readonly schedulerOptions: readonly Placed<SchedulerOption>[];
  readonly tableSize: number | undefined;
  /** Of servers that name no other. */
  readonly forwarding: ForwardingMethod | undefined;
  /** What each entry of its list stands for. */
  readonly localAddresses: readonly Placed<readonly string[]>[];
  readonly netmask: Placed<number> | undefined;
  readonly isOnePacket: boolean;
  readonly hasHalfOpenCap: boolean;
  /** In milliseconds; 0: none. */
  readonly slowStart: number;
  /** Undefined if the file has no readable list of servers. */
  readonly servers: readonly ServerOutline[] | undefined;
}

/** The file as far as it can be read; without services that are no maps. */
export interface Outline {
  readonly interfaces: readonly Placed<string>[];
  /** The director's, for services that have none of their own; and whether the list was written. */
  readonly localAddresses: readonly Placed<readonly string[]>[];
  readonly hasLocalAddresses: boolean;
  readonly mssClamp: MssClamp;
  readonly checkNetworks: readonly Placed<Prefix>[];
  readonly marks: readonly MatchOutline[];
  readonly services: readonly ServiceOutline[];
}

/** Reads what can be read. */
export function readOutline(root: SourceNode): Outline {
  const director = childOf(root, "director");
  return {
    interfaces: childrenOf(childOf(director, "interfaces")).flatMap(([index, { value }]) =>
      typeof value === "string" ? [{ path: ["director", "interfaces", index], value }] : [],
    ),
    localAddresses:
      director === undefined ? [] : readEntries(fieldSchemas.localAddress, director, ["director", "localAddresses"]),
    hasLocalAddresses: childOf(director, "localAddresses") !== undefined,
    mssClamp:
      readField(fieldSchemas.mssClamp, director, "mssClamp") ??
      (childOf(director, "compatibility")?.value === "ipvs" ? "off" : "auto"),
    checkNetworks:
      director === undefined ? [] : readEntries(fieldSchemas.network, director, ["director", "checkNetworks"]),
    marks: childrenOf(childOf(director, "marks")).map(([index, node]) => readMatch(["director", "marks", index], node)),
    services: childrenOf(childOf(root, "services"))
      .filter(([, { value }]) => isMap(value))
      .map(([name, node]) => readService(String(name), node)),
  };
}

function readMatch(path: Path, node: SourceNode): MatchOutline {
  const single = readField(fieldSchemas.network, node, "address");
  const several = readEntries(fieldSchemas.network, node, [...path, "addresses"]);
  return {
    path,
    addresses: single === undefined ? several : [{ path: [...path, "address"], value: single }, ...several],
    ports: readField(fieldSchemas.ports, node, "port"),
    protocol: readField(fieldSchemas.protocol, node, "protocol"),
    mark: readField(fieldSchemas.mark, node, "mark"),
    keys: node.children,
  };
}

function readService(name: string, node: SourceNode): ServiceOutline {
  const path = ["services", name];
  const forwarding = readField(fieldSchemas.forwarding, node, "forwarding");
  const usual = { forwarding, encapsulation: readField(fieldSchemas.encapsulation, node, "encapsulation") };
  const list = childOf(node, "servers");
  const servers = childrenOf(list).map(([index, server]) => readServer([...path, "servers", index], server, usual));
  const netmask = readField(fieldSchemas.netmask, childOf(node, "persistence"), "netmask");
  const sorry = childOf(node, "sorryServer");
  const sorryServers = sorry === undefined ? [] : [readServer([...path, "sorryServer"], sorry, usual)];
  return {
    ...readMatch(path, node),
    name,
    scheduler: readField(fieldSchemas.scheduler, node, "scheduler"),
    schedulerOptions: readEntries(fieldSchemas.schedulerOption, node, [...path, "schedulerOptions"]),
    tableSize: readField(fieldSchemas.tableSize, node, "tableSize"),
    forwarding,
    localAddresses: readEntries(fieldSchemas.localAddress, node, [...path, "localAddresses"]),
    netmask: netmask === undefined ? undefined : { path: [...path, "persistence", "netmask"], value: netmask },
    isOnePacket: readField(fieldSchemas.onePacket, node, "onePacket") === true,
    slowStart: readField(fieldSchemas.slowStart, node, "slowStart") ?? 0,
    hasHalfOpenCap: childOf(childOf(node, "caps"), "halfOpen") !== undefined,
    // The sorry server, too: what a server must be, it must be.
    servers: Array.isArray(list?.value) ? [...servers, ...sorryServers] : undefined,
  };
}

type Usual = Pick<ServerOutline, "forwarding" | "encapsulation">;

function readServer(path: Path, node: SourceNode, usual: Usual): ServerOutline {
  const ownPort = readField(fieldSchemas.port, node, "port");
  const says = (key: keyof Usual) => childOf(node, key) !== undefined;
  return {
    path,
    address: readField(fieldSchemas.address, node, "address"),
    ownPort,
    isPortKnown: ownPort !== undefined || childOf(node, "port") === undefined,
    forwarding: says("forwarding") ? readField(fieldSchemas.forwarding, node, "forwarding") : usual.forwarding,
    encapsulation: says("encapsulation")
      ? readField(fieldSchemas.encapsulation, node, "encapsulation")
      : usual.encapsulation,
    keys: node.children,
    weight: readField(fieldSchemas.weight, node, "weight"),
    upperThreshold: readField(fieldSchemas.threshold, node, "upperThreshold"),
    lowerThreshold: readField(fieldSchemas.threshold, node, "lowerThreshold"),
  };
}

/** The entries of a list that can be read; the list stands under the last step of its path. */
function readEntries<Schema extends z.ZodType>(schema: Schema, node: SourceNode, path: Path) {
  return childrenOf(childOf(node, String(path.at(-1)))).flatMap(([index, entry]): Placed<z.output<Schema>>[] => {
    const result = schema.safeParse(entry.value);
    return result.success ? [{ path: [...path, index], value: result.data }] : [];
  });
}

function readField<Schema extends z.ZodType>(schema: Schema, node: SourceNode | undefined, key: string) {
  const child = childOf(node, key);
  if (child === undefined) return readAbsent(schema);
  const result = schema.safeParse(child.value);
  return result.success ? result.data : undefined;
}

/** What a field is that is not there: the same each time. */
const absent = new WeakMap<z.ZodType, { readonly data: unknown }>();

function readAbsent<Schema extends z.ZodType>(schema: Schema): z.output<Schema> | undefined {
  const known = absent.get(schema) ?? { data: schema.safeParse(undefined).data };
  absent.set(schema, known);
  return known.data as z.output<Schema> | undefined;
}

function isMap(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function childOf(node: SourceNode | undefined, key: string): SourceNode | undefined {
  return node?.children.get(key)?.node;
}

function childrenOf(node: SourceNode | undefined): readonly (readonly [string | number, SourceNode])[] {
  return [...(node?.children ?? [])].map(([key, child]) => [key, child.node] as const);
}
