// What the maps tell, in plain values: addresses as text, life words taken apart; and what the counts must be,
// counted anew from the tables.

import type { JsOf } from "@yardmaster/ebpf";
import { addressFromWords, addressWords, formatAddress } from "@yardmaster/packet";
import { DISABLED, type Family, type Load, readLife, states, type Template } from "../src/index.ts";
import type { Handshakes } from "./reference/destination.ts";

export type FlowValue = JsOf<Family["FlowKey"]>;
export type ConnectionValue = JsOf<Family["Connection"]>;
export type LocalFlowValue = JsOf<Family["LocalFlow"]>;
export type TemplateKeyValue = JsOf<Family["TemplateKey"]>;
export type TemplateValue = JsOf<typeof Template>;
type LoadValue = JsOf<typeof Load>;

/** A connection as the table has it. */
export interface ConnectionView {
  readonly client: string;
  readonly service: string;
  readonly protocol: number;
  readonly server: string;
  readonly destination: number;
  readonly state: number;
  readonly expiresAt: number;
  /** Serial of its template, 0: none. */
  readonly template: number;
}

/** A template as the table has it. */
export interface TemplateView {
  /** Client, service and protocol as its key has them; "retired" and the client where that finds it no more. */
  readonly key: string;
  readonly destination: number;
  readonly serial: number;
  readonly state: number;
  readonly expiresAt: number;
  readonly periodTicks: number;
  readonly controlled: number;
}

/** A local address and port in use. */
export interface LocalFlowView {
  readonly server: string;
  readonly local: string;
  readonly client: string;
  readonly service: string;
  readonly protocol: number;
}

export interface LoadView {
  readonly active: number;
  readonly inactive: number;
  readonly scheduled: number;
}

export interface TrafficView {
  readonly packetsIn: number;
  readonly bytesIn: number;
  readonly packetsOut: number;
  readonly bytesOut: number;
}

/** As IPVS writes it: IPv6 addresses in brackets. */
export function endpointText(address: string, port: number): string {
  return address.includes(":") ? `[${address}]:${port}` : `${address}:${port}`;
}

const addressText = (words: readonly number[]) => formatAddress(addressFromWords(words));
const endpoint = (words: readonly number[], port: number) => endpointText(addressText(words), port);

export function connectionView([flow, connection]: readonly [FlowValue, ConnectionValue]): ConnectionView {
  const { state, expiresAt } = readLife(connection.life);
  return {
    client: endpoint(flow.source, flow.sourcePort),
    service: endpoint(flow.destination, flow.destinationPort),
    protocol: flow.protocol,
    server: endpoint(connection.address, connection.port),
    destination: connection.destination,
    state,
    expiresAt,
    template: connection.template,
  };
}

/**
 * The local address of a connection between families, given where its entry says that it leads, and the words of what
 * has a name.
 */
export function crossingLocal(server: string, named: (name: number) => readonly number[]): string {
  const [word = 0] = addressWords(server.slice(0, server.lastIndexOf(":")).replaceAll(/[[\]]/g, ""));
  if (server.startsWith("[")) return addressText([word]);
  const swapped = new DataView(new ArrayBuffer(4));
  swapped.setUint32(0, word);
  return addressText(named(swapped.getUint32(0, true)));
}

export function localFlowView([flow, local]: readonly [FlowValue, LocalFlowValue]): LocalFlowView {
  return {
    server: endpoint(flow.source, flow.sourcePort),
    local: endpoint(flow.destination, flow.destinationPort),
    client: endpoint(local.client, local.clientPort),
    service: endpoint(local.service, local.servicePort),
    protocol: flow.protocol,
  };
}

export function templateView([key, template]: readonly [TemplateKeyValue, TemplateValue]): TemplateView {
  const { destination, serial, periodTicks } = template;
  const { client, service, port, protocol, index } = key;
  const text = `${addressText(client)} ${endpoint(service, port)} ${protocol} of ${index}`;
  return {
    key: (protocol & DISABLED) === 0 ? text : `retired ${addressText(client)}`,
    destination,
    serial,
    periodTicks,
    ...readLife(template.life),
  };
}

/** Sorts connections, and names one in messages. */
export function connectionKey({ client, service, protocol }: ConnectionView): string {
  return `${protocol} ${client} ${service}`;
}

/** What a destination counts of TCP handshakes. */
export function handshakesView(load: LoadValue): Handshakes {
  const { handshakesBegun, handshakesDone, handshakesRefused, synsRepeated } = load;
  return { begun: handshakesBegun, done: handshakesDone, refused: handshakesRefused, repeated: synsRepeated };
}

/** What each destination must count with these connections. */
export function recount(connections: readonly ConnectionView[], destinations: number) {
  const counts = Array.from({ length: destinations }, () => ({ active: 0, inactive: 0 }));
  for (const { destination, state } of connections) {
    const count = counts[destination];
    if (count === undefined) throw new Error(`a connection has destination ${destination}, of ${destinations}`);
    count[ACTIVE.includes(state) ? "active" : "inactive"] += 1;
  }
  return counts;
}
const ACTIVE: readonly number[] = [states.ESTABLISHED, states.SYN_SENT, states.SYN_RECV, states.SYNACK];

/** How many half-open connections each service must count, given the service of each destination. */
export function recountHalfOpen(
  connections: readonly ConnectionView[],
  serviceOf: readonly number[],
  services: number,
): number[] {
  const counts = new Array<number>(services).fill(0);
  for (const { destination, state } of connections) {
    const service = serviceOf[destination] ?? 0;
    if (HALF_OPEN.includes(state)) counts[service] = (counts[service] ?? 0) + 1;
  }
  return counts;
}
const HALF_OPEN: readonly number[] = [states.SYN_RECV, states.SYNACK];

/** How many templates lead to each destination. */
export function recountTemplates(templates: readonly TemplateView[], destinations: number): number[] {
  const counts = Array.from({ length: destinations }, () => 0);
  for (const { destination } of templates) counts[destination] = (counts[destination] ?? 0) + 1;
  return counts;
}

/** How many of these connections were opened under each template. */
export function recountControlled(
  connections: readonly ConnectionView[],
  templates: readonly TemplateView[],
): number[] {
  return templates.map(({ serial }) => connections.filter(({ template }) => template === serial).length);
}
