// What a director counts, as metrics: one family for each thing that is counted. Made from the same snapshot that
// status shows, so the two never disagree.

import type { CheckStatus, DirectorStatus } from "../api/types.ts";
import type { HealthTotals } from "../health/health-keeper.ts";
import type { MetricFamily, MetricKind, Sample } from "./exposition.ts";
import { checkFamilies, healthFamilies } from "./health-metrics.ts";
import { serverFamilies, serviceFamilies } from "./traffic-metrics.ts";

/** What is known of the process besides its status. */
export interface ProcessFacts {
  /** Resident memory in bytes. */
  readonly residentBytes: number;
  /** Seconds of CPU that it has used. */
  readonly cpuSeconds: number;
  /** When the certificate of the API's listener ends, in Unix milliseconds; undefined: it has none. */
  readonly certificateExpiresAtMs?: number | undefined;
}

/** What metrics are made of. */
export interface Measured {
  readonly status: DirectorStatus;
  readonly facts: ProcessFacts;
  readonly checks: readonly CheckStatus[];
  /** Undefined: nobody is checked. */
  readonly health: HealthTotals | undefined;
}

/** How fine: each server has its numbers, or each service only. */
export const metricDetails = ["server", "service"] as const;

/** One of these. */
export type MetricDetail = (typeof metricDetails)[number];

/** All metrics of a director. */
export function metricFamilies(measured: Measured, detail: MetricDetail = "server"): MetricFamily[] {
  const { status, checks, health } = measured;
  return [
    ...processFamilies(measured),
    ...programFamilies(status),
    ...reconcileFamilies(status),
    {
      ...{ name: "yardmaster_not_forwarded_packets", kind: "counter", help: "Packets not forwarded, by reason." },
      samples: status.verdicts.map(({ verdict, reason, packets }) => ({ labels: { verdict, reason }, value: packets })),
    },
    gauge("yardmaster_hints", "What probably keeps servers from working: see status.", status.hints.length),
    ...serviceFamilies(status.services),
    ...(health === undefined ? [] : healthFamilies(health, checks.length)),
    ...(detail === "server" ? serverFamilies(status.services) : []),
    ...(detail === "server" && health !== undefined ? checkFamilies(health, checks) : []),
  ];
}

function processFamilies({ status, facts }: Measured): MetricFamily[] {
  const { residentBytes, cpuSeconds, certificateExpiresAtMs } = facts;
  return [
    {
      ...{ name: "yardmaster", kind: "info", help: "The director that answers." },
      samples: [{ labels: { version: status.version }, value: 1 }],
    },
    gauge("yardmaster_start_time_seconds", "Unix time of its start.", status.startedAtMs / 1000),
    gauge("yardmaster_resident_memory_bytes", "Memory that the daemon has.", residentBytes),
    family("yardmaster_cpu_seconds", "counter", "Processor time that the daemon has used.", cpuSeconds),
    gauge(
      "yardmaster_api_certificate_expiry_timestamp_seconds",
      "Unix time at which the certificate of the API's listener ends.",
      certificateExpiresAtMs === undefined ? undefined : certificateExpiresAtMs / 1000,
    ),
  ];
}

function programFamilies({ hooks, program, connectionTable }: DirectorStatus): MetricFamily[] {
  const { families = [], methods = [], schedulers = [], encapsulations = [], features = [] } = program ?? {};
  const shape = { families, methods, schedulers, encapsulations, features };
  const { entries, maximum, memoryBytes } = connectionTable;
  return [
    {
      ...{ name: "yardmaster_program", kind: "gauge", help: "1 for each interface that a program is on." },
      samples: hooks.map(({ interfaceName, mode, programId }) => ({
        labels: { interface: interfaceName, mode, program_id: String(programId) },
        value: 1,
      })),
    },
    {
      ...{ name: "yardmaster_program_shape", kind: "info", help: "What the program was made for." },
      samples:
        program === undefined
          ? []
          : [
              {
                labels: Object.fromEntries(
                  Object.entries(shape).map(([name, all]) => [name, all.toSorted().join(",")]),
                ),
                value: 1,
              },
            ],
    },
    gauge("yardmaster_program_services_maximum", "Services that it has room for.", program?.maximumServices),
    gauge("yardmaster_program_servers_maximum", "Servers that it has room for.", program?.maximumDestinations),
    gauge("yardmaster_connection_table_entries", "Entries in it.", entries),
    gauge("yardmaster_connection_table_maximum", "Entries that it has room for.", maximum),
    gauge("yardmaster_connection_table_memory_bytes", "Kernel memory that it takes.", memoryBytes),
  ];
}

function reconcileFamilies({ reconcile }: DirectorStatus): MetricFamily[] {
  const seconds = (ms: number | undefined) => (ms === undefined ? undefined : Math.round(1000 * ms) / 1e6);
  return [
    gauge(
      "yardmaster_reconcile_lag_seconds",
      "How long what is wanted has waited to be what runs; 0: nothing waits.",
      seconds(reconcile?.lagMs),
    ),
    gauge(
      "yardmaster_reconcile_last_duration_seconds",
      "From being wanted to running, the last time.",
      seconds(reconcile?.tookMs),
    ),
    family("yardmaster_reconciles", "counter", "Changes of what runs.", reconcile?.made),
    family("yardmaster_reconcile_failures", "counter", "Changes that could not be made.", reconcile?.failed),
  ];
}

function gauge(name: string, help: string, value: number | undefined): MetricFamily {
  return family(name, "gauge", help, value);
}

/** Of one number; left out where there is none. */
function family(name: string, kind: MetricKind, help: string, value: number | undefined): MetricFamily {
  const samples: readonly Sample[] = value === undefined ? [] : [{ labels: {}, value }];
  return { name, kind, help, samples };
}
