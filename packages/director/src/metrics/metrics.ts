// What a director counts, as metrics: one family for each thing that is counted, labelled by service and server. Made
// from the same snapshot that status shows, so the two never disagree.

import { endpointText } from "../address.ts";
import type { DestinationStatus, DirectorStatus, ServiceStatus, TrafficCounters } from "../api/types.ts";
import type { MetricFamily, MetricKind, Sample } from "./exposition.ts";

/** What is known of the process besides its status. */
export interface ProcessFacts {
  /** Resident memory in bytes. */
  readonly residentBytes: number;
  /** Seconds of CPU that it has used. */
  readonly cpuSeconds: number;
  /** When the certificate of the API's listener ends, in Unix milliseconds; undefined: it has none. */
  readonly certificateExpiresAtMs?: number | undefined;
}

type Value = number | undefined;

/** A number of every server of every service, where it has it. */
interface ServerMetric {
  readonly name: string;
  readonly kind: MetricKind;
  readonly help: string;
  readonly of: (server: DestinationStatus) => Value;
}

const traffic = (name: string, field: keyof TrafficCounters, help: string): ServerMetric => ({
  ...{ name: `yardmaster_server_${name}`, kind: "counter", help },
  of: (server) => server[field],
});

const handshakes = (field: "begun" | "done" | "refused", help: string): ServerMetric => ({
  ...{ name: `yardmaster_server_handshakes_${field}`, kind: "counter", help },
  of: (server) => server.handshakes?.[field],
});

const gauge = (name: string, help: string, of: ServerMetric["of"]): ServerMetric => ({
  ...{ name: `yardmaster_server_${name}`, kind: "gauge", help, of },
});

const serverMetrics: readonly ServerMetric[] = [
  traffic("connections", "connections", "Connections scheduled to a server."),
  traffic("packets_in", "packetsIn", "Packets of clients sent to a server."),
  traffic("bytes_in", "bytesIn", "Bytes of clients' packets sent to a server, network headers included."),
  traffic("packets_out", "packetsOut", "Packets of a server sent back to clients, where they pass the director."),
  traffic("bytes_out", "bytesOut", "Bytes of a server's packets sent back to clients."),
  gauge("active_connections", "Established connections, by LVS's definition.", (one) => one.activeConnections),
  gauge("inactive_connections", "All other connections that are remembered.", (one) => one.inactiveConnections),
  gauge("persistent_clients", "Clients that are bound to a server.", (one) => one.persistentClients),
  gauge("weight", "The weight in force; 0 is quiesced.", (one) => one.weight),
  gauge("overloaded", "1: at its upper threshold, and not below the lower one since.", (one) => Number(one.overloaded)),
  gauge("local_ports_in_use", "Full NAT: local ports taken towards a server.", (one) => one.localPorts?.inUse),
  gauge("local_ports_maximum", "Full NAT: local ports that there are.", (one) => one.localPorts?.maximum),
  handshakes("begun", "TCP handshakes that clients began, where a check goes by them."),
  handshakes("done", "Those of them that were completed."),
  handshakes("refused", "Those that the server refused by a reset, where its replies pass the director."),
  {
    ...{ name: "yardmaster_server_syns_repeated", kind: "counter" },
    help: "SYNs that came again before the handshake was complete, where a check goes by them.",
    of: (one) => one.handshakes?.synsRepeated,
  },
  {
    ...{ name: "yardmaster_server_clients_untold", kind: "counter" },
    help: "Full NAT: connections whose server could not be told who the client is.",
    of: (one) => one.clientsUntold,
  },
];

/** All metrics of a director. */
export function metricFamilies(status: DirectorStatus, facts: ProcessFacts): MetricFamily[] {
  const { residentBytes, cpuSeconds, certificateExpiresAtMs } = facts;
  const { services, verdicts, hooks, connectionTable, hints } = status;
  const one = (value: number): readonly Sample[] => [{ labels: {}, value }];
  return [
    {
      ...{ name: "yardmaster", kind: "info", help: "The director that answers." },
      samples: [{ labels: { version: status.version }, value: 1 }],
    },
    family("yardmaster_start_time_seconds", "Unix time of its start.", one(status.startedAtMs / 1000)),
    family("yardmaster_resident_memory_bytes", "Memory that the daemon has.", one(residentBytes)),
    {
      ...{ name: "yardmaster_cpu_seconds", kind: "counter", help: "Processor time that the daemon has used." },
      samples: one(cpuSeconds),
    },
    family(
      "yardmaster_api_certificate_expiry_timestamp_seconds",
      "Unix time at which the certificate of the API's listener ends.",
      certificateExpiresAtMs === undefined ? [] : one(certificateExpiresAtMs / 1000),
    ),
    family(
      "yardmaster_program",
      "1 for each interface that a program is on.",
      hooks.map(({ interfaceName, mode, programId }) => ({
        labels: { interface: interfaceName, mode, program_id: String(programId) },
        value: 1,
      })),
    ),
    family("yardmaster_connection_table_entries", "Entries in it.", one(connectionTable.entries)),
    family("yardmaster_connection_table_maximum", "Entries that it has room for.", one(connectionTable.maximum)),
    {
      ...{ name: "yardmaster_not_forwarded_packets", kind: "counter", help: "Packets not forwarded, by reason." },
      samples: verdicts.map(({ verdict, reason, packets }) => ({ labels: { verdict, reason }, value: packets })),
    },
    family("yardmaster_hints", "What probably keeps servers from working: see status.", one(hints.length)),
    ...serverMetrics.map((metric) => serverFamily(metric, services)),
  ];
}

function family(name: string, help: string, samples: readonly Sample[]): MetricFamily {
  return { name, kind: "gauge", help, samples };
}

function serverFamily({ name, kind, help, of }: ServerMetric, services: readonly ServiceStatus[]): MetricFamily {
  const samples = services.flatMap((service) =>
    service.servers.flatMap((server): Sample[] => {
      const value = of(server);
      return value === undefined ? [] : [{ labels: labelsOf(service, server), value }];
    }),
  );
  return { name, kind, help, samples };
}

function labelsOf({ name, matchText }: ServiceStatus, { address, port, forwarding }: DestinationStatus) {
  return { service: name, virtual: matchText, server: endpointText(address, port), forwarding };
}
