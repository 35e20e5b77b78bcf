// What servers and services count, as metrics: one family for each thing that is counted.

import { endpointText } from "../address.ts";
import type { DestinationStatus, ServiceStatus, TrafficCounters } from "../api/types.ts";
import { labelsText, type MetricFamily, type MetricKind, type Sample } from "./exposition.ts";

/** A number of each of something; undefined: it has none. */
interface Metric<Of> {
  readonly name: string;
  readonly kind: MetricKind;
  readonly help: string;
  readonly of: (of: Of) => number | undefined;
}

/** Of servers and of services alike: a service's is the sum. */
const traffic: readonly Metric<TrafficCounters>[] = [
  counter("connections", "Connections scheduled.", (one) => one.connections),
  counter("packets_in", "Packets of clients sent to servers.", (one) => one.packetsIn),
  counter("bytes_in", "Bytes of these packets, network headers included.", (one) => one.bytesIn),
  counter("packets_out", "Packets of servers, where they pass the director.", (one) => one.packetsOut),
  counter("bytes_out", "Bytes of these packets.", (one) => one.bytesOut),
  gauge("active_connections", "Established connections, by LVS's definition.", (one) => one.activeConnections),
  gauge("inactive_connections", "All other connections that are remembered.", (one) => one.inactiveConnections),
  gauge("persistent_clients", "Clients that are bound to a server.", (one) => one.persistentClients),
];

const ofServers: readonly Metric<DestinationStatus>[] = [
  ...traffic,
  gauge("weight", "The weight in force; 0 is quiesced.", (one) => one.weight),
  gauge("overloaded", "1: at its upper threshold, and not below the lower one since.", (one) => Number(one.overloaded)),
  gauge("local_ports_in_use", "Full NAT: local ports taken towards a server.", (one) => one.localPorts?.inUse),
  gauge("local_ports_maximum", "Full NAT: local ports that there are.", (one) => one.localPorts?.maximum),
  counter(
    "handshakes_begun",
    "TCP handshakes that clients began, where a check goes by them.",
    (one) => one.handshakes?.begun,
  ),
  counter("handshakes_done", "Those of them that were completed.", (one) => one.handshakes?.done),
  counter(
    "handshakes_refused",
    "Those that the server refused by a reset, where its replies pass the director.",
    (one) => one.handshakes?.refused,
  ),
  counter(
    "syns_repeated",
    "SYNs that came again before the handshake was complete, where a check goes by them.",
    (one) => one.handshakes?.synsRepeated,
  ),
  counter(
    "clients_untold",
    "Full NAT: connections whose server could not be told who the client is.",
    (one) => one.clientsUntold,
  ),
];

const ofServices: readonly Metric<ServiceStatus>[] = [
  ...traffic,
  gauge("servers", "Servers that it has now; those that checks cut are not among them.", (one) => one.servers.length),
  gauge("weight", "The weights of its servers together; 0: nobody takes new connections.", (one) =>
    one.servers.reduce((sum, { weight }) => sum + weight, 0),
  ),
];

/** Of each service. */
export function serviceFamilies(services: readonly ServiceStatus[]): MetricFamily[] {
  const rows = services.map((service) => ({ of: service, labels: labelsText(serviceLabels(service)) }));
  return ofServices.map((metric) => family("yardmaster_service_", metric, rows));
}

/** Of each server of each service. */
export function serverFamilies(services: readonly ServiceStatus[]): MetricFamily[] {
  const rows = remembered(serverRows(services));
  return ofServers.map((metric) => family("yardmaster_server_", metric, rows));
}

interface Row<Of> {
  readonly of: Of;
  readonly labels: string;
}

function* serverRows(services: readonly ServiceStatus[]): Generator<Row<DestinationStatus>, void> {
  for (const service of services) {
    for (const server of service.servers) {
      const { address, port, forwarding } = server;
      const labels = { ...serviceLabels(service), server: endpointText(address, port), forwarding };
      yield { of: server, labels: labelsText(labels) };
    }
  }
}

/** Labels are most of the text, and the same in each family: they are made once, when the first is written. */
function remembered<T>(made: Iterator<T>): Iterable<T> {
  const known: T[] = [];
  return {
    *[Symbol.iterator]() {
      yield* known;
      for (let step = made.next(); step.done !== true; step = made.next()) {
        known.push(step.value);
        yield step.value;
      }
    },
  };
}

function serviceLabels({ name, matchText }: ServiceStatus) {
  return { service: name, virtual: matchText };
}

function family<Of>(prefix: string, metric: Metric<Of>, rows: Iterable<Row<Of>>): MetricFamily {
  const { name, kind, help, of } = metric;
  return { name: `${prefix}${name}`, kind, help, samples: { [Symbol.iterator]: () => samplesOf(rows, of) } };
}

function* samplesOf<Of>(rows: Iterable<Row<Of>>, of: Metric<Of>["of"]): Generator<Sample, void> {
  for (const row of rows) {
    const value = of(row.of);
    if (value !== undefined) yield { labels: row.labels, value };
  }
}

function counter<Of>(name: string, help: string, of: Metric<Of>["of"]): Metric<Of> {
  return { name, kind: "counter", help, of };
}

function gauge<Of>(name: string, help: string, of: Metric<Of>["of"]): Metric<Of> {
  return { name, kind: "gauge", help, of };
}
