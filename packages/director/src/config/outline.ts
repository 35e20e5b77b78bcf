// A forgiving view of a configuration file: of each service what can be read, whatever else is wrong with it.
// The checks that compare places (duplicates, port mappings, routes) run on it, so that all faults come at once.
import { isIPv4 } from "node:net";
import type { z } from "zod";
import type { ForwardingMethod } from "../model/forwarding-method.ts";
import type { Protocol } from "../model/virtual-service.ts";
import { fieldSchemas } from "./schema.ts";
import type { Path, SourceNode } from "./source.ts";

/** A real server as far as it can be read. `forwarding` and `port` fall back to the service's. */
export interface ServerOutline {
  readonly path: Path;
  readonly address: string | undefined;
  /** The server's own port, where it names one. */
  readonly ownPort: number | undefined;
  readonly port: number | undefined;
  readonly forwarding: ForwardingMethod | undefined;
}

/** A virtual service as far as it can be read. */
export interface ServiceOutline {
  readonly path: Path;
  readonly name: string;
  readonly address: string | undefined;
  readonly port: number | undefined;
  readonly protocol: Protocol | undefined;
  /** Undefined if the file has no readable list of servers. */
  readonly servers: readonly ServerOutline[] | undefined;
}

/** The file as far as it can be read. */
export interface Outline {
  readonly interfaces: readonly { readonly path: Path; readonly name: string }[];
  readonly services: readonly ServiceOutline[];
}

/** Reads what can be read. */
export function readOutline(root: SourceNode): Outline {
  const interfaces = childOf(childOf(root, "director"), "interfaces");
  const services = childOf(root, "services");
  return {
    interfaces: childrenOf(interfaces).flatMap(([index, node]) =>
      typeof node.value === "string" ? [{ path: ["director", "interfaces", index], name: node.value }] : [],
    ),
    services: childrenOf(services).map(([name, node]) => readService(String(name), node)),
  };
}

function readService(name: string, node: SourceNode): ServiceOutline {
  const path = ["services", name];
  const port = readField(fieldSchemas.port, node, "port");
  const forwarding = readField(fieldSchemas.forwarding, node, "forwarding");
  const list = childOf(node, "servers");
  const servers = childrenOf(list).map(([index, server]): ServerOutline => {
    const hasPort = childOf(server, "port") !== undefined;
    const hasMethod = childOf(server, "forwarding") !== undefined;
    const ownPort = readField(fieldSchemas.port, server, "port");
    return {
      path: [...path, "servers", index],
      address: readAddress(server),
      ownPort,
      port: hasPort ? ownPort : port,
      forwarding: hasMethod ? readField(fieldSchemas.forwarding, server, "forwarding") : forwarding,
    };
  });
  return {
    path,
    name,
    address: readAddress(node),
    port,
    protocol: readField(fieldSchemas.protocol, node, "protocol"),
    servers: Array.isArray(list?.value) ? servers : undefined,
  };
}

function readAddress(node: SourceNode): string | undefined {
  const value = childOf(node, "address")?.value;
  return typeof value === "string" && isIPv4(value) ? value : undefined;
}

function readField<Schema extends z.ZodType>(schema: Schema, node: SourceNode, key: string) {
  const result = schema.safeParse(childOf(node, key)?.value);
  return result.success ? result.data : undefined;
}

function childOf(node: SourceNode | undefined, key: string): SourceNode | undefined {
  return node?.children.get(key)?.node;
}

function childrenOf(node: SourceNode | undefined): readonly (readonly [string | number, SourceNode])[] {
  return [...(node?.children ?? [])].map(([key, child]) => [key, child.node] as const);
}
