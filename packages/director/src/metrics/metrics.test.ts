// What is scraped: the text's form, and that it says what status says.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { CheckStatus, DestinationStatus, DirectorStatus } from "../api/types.ts";
import type { HealthTotals } from "../health/health-keeper.ts";
import { type ExpositionForm, expositionParts, formFor, type MetricFamily } from "./exposition.ts";
import { type MetricDetail, metricFamilies } from "./metrics.ts";

const counters = {
  ...{ activeConnections: 3, inactiveConnections: 1, persistentClients: 0, connections: 17 },
  ...{ packetsIn: 100, bytesIn: 12_345 },
};
const server: DestinationStatus = {
  ...{ address: "fd00::11", port: 8080, weight: 2, forwarding: "nat", upperThreshold: 0, lowerThreshold: 0 },
  ...counters,
  ...{ packetsOut: 90, bytesOut: 54_321, overloaded: false },
};
const status: DirectorStatus = {
  ...{ version: "1.2.3", pid: 1, startedAtMs: 1_500, configurationFile: "y.yaml" },
  hooks: [{ interfaceName: "eth0", mode: "native", programId: 42 }],
  services: [
    {
      ...counters,
      name: "web",
      match: { kind: "exact", address: "2001:db8::1", port: 80, protocol: "tcp" },
      matchText: "tcp [2001:db8::1]:80",
      ...{ scheduler: "wlc", schedulerOptions: [], forwarding: "nat", onePacket: false },
      caps: { newPerSecond: 0, halfOpen: 0 },
      servers: [server],
    },
  ],
  verdicts: [{ verdict: "drop", reason: "tableFull", packets: 7 }],
  hints: [],
  connectionTable: { entries: 4, maximum: 1000, memoryBytes: 64_000 },
  program: {
    ...{ families: ["ipv4"], methods: ["nat", "dr"], schedulers: ["wlc"], encapsulations: [], features: ["caps"] },
    ...{ maximumServices: 16, maximumDestinations: 256, maximumConnections: 1000 },
  },
  reconcile: { lagMs: 0, tookMs: 1.5, made: 3, failed: 1 },
};
const checks: readonly CheckStatus[] = [
  {
    ...{ check: "http GET /", via: "vip", address: "fd00::11", port: 8080, isUp: false, against: 0 },
    servers: [{ service: "web", server: "[fd00::11]:8080" }],
    ...{ intervalMs: 1000, timeoutMs: 1000, rise: 2, fall: 3 },
    exchanges: [{ atMs: 0, durationMs: 12.5, outcome: "bad", reason: "HTTP 503" }],
  },
];
const health: HealthTotals = {
  ...{ exchanges: { good: 5, bad: 3, unknown: 1 }, lateness: [1, 2, 0, 0, 0, 0, 0, 0, 1], begun: 5, lateMs: 2500 },
  servers: [{ service: "web", server: "[fd00::11]:8080", isUp: false }],
  quorate: [{ service: "web", isQuorate: false }],
};
const facts = { residentBytes: 1024, cpuSeconds: 0.5, certificateExpiresAtMs: 2_000_000_000_000 };
const families = (detail?: MetricDetail) => metricFamilies({ status, facts, checks, health }, detail);
const textOf = (all: readonly MetricFamily[], form: ExpositionForm = "openMetrics") =>
  [...expositionParts(all, form)].join("");
const text = textOf(families());

test.each(["openMetrics", "text"] as const)("in %s each family is declared once, before its samples", (form) => {
  const lines = textOf(families(), form).trimEnd().split("\n");
  expect(lines.at(-1) === "# EOF").toBe(form === "openMetrics");
  const declared = new Set<string>();
  let last = "";
  for (const line of lines.filter((one) => one !== "# EOF")) {
    const [, word, name = ""] = /^# (TYPE|HELP) (\S+) \S/.exec(line) ?? [];
    if (word === "TYPE") expect(declared).not.toContain(name);
    if (word !== undefined) last = name;
    if (word === "TYPE") declared.add(name);
    if (word !== undefined) continue;
    expect(line).toMatch(/^[a-z_]+(?:\{(?:[a-z_]+="[^"\\\n]*",?)+\})? -?[0-9.e+]+$/);
    const ending = form === "text" ? "(_bucket|_sum|_count)?" : "(_total|_info|_bucket|_sum|_count)?";
    expect(line).toMatch(new RegExp(`^${last}${ending}[{ ]`));
  }
});

test("who does not ask for OpenMetrics gets the older form, where a counter is declared by its whole name", () => {
  const prometheus = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
  expect([prometheus, "*/*", undefined].map(formFor)).toEqual(["openMetrics", "text", "text"]);
  expect(text).toContain("# TYPE yardmaster_server_connections counter\n");
  const older = textOf(families(), "text");
  expect(older).toContain("# TYPE yardmaster_server_connections_total counter\n");
  expect(older).toContain("# TYPE yardmaster_info gauge\n");
});

test("a service has its numbers, and where only these are asked for no server has", () => {
  const labels = '{service="web",virtual="tcp [2001:db8::1]:80"}';
  for (const all of [families(), families("service")]) {
    const said = textOf(all);
    expect(said).toContain(`yardmaster_service_connections_total${labels} 17\n`);
    expect(said).toContain(`yardmaster_service_weight${labels} 2\n`);
    expect(said).toContain('yardmaster_service_servers_up{service="web"} 0\n');
    expect(said).toContain('yardmaster_service_has_quorum{service="web"} 0\n');
  }
  expect(textOf(families("service"))).not.toMatch(/server="|yardmaster_check_up/);
});

test("checks, what they cost, and how far what runs is behind", () => {
  const own = 'service="web",server="[fd00::11]:8080"';
  const check = `{${own},check="http GET /",via="vip",target="[fd00::11]:8080"}`;
  expect(text).toContain(`yardmaster_server_up{${own}} 0\n`);
  expect(text).toContain(`yardmaster_check_up${check} 0\n`);
  expect(text).toContain(`yardmaster_check_duration_seconds${check} 0.0125\n`);
  expect(text).toContain('yardmaster_check_exchanges_total{outcome="bad"} 3\n');
  const buckets = text.match(/^yardmaster_check_lateness_seconds\S* \S+/gm);
  expect(buckets).toEqual([
    ...[1, 3, 3, 3, 3, 3, 3, 3, 4].map((count, at) =>
      expect.stringContaining(
        `{le="${["0.001", "0.005", "0.01", "0.025", "0.05", "0.1", "0.25", "0.5", "1.0"][at]}"} ${count}`,
      ),
    ),
    'yardmaster_check_lateness_seconds_bucket{le="+Inf"} 5',
    ...["yardmaster_check_lateness_seconds_count 5", "yardmaster_check_lateness_seconds_sum 2.5"],
  ]);
  expect(text).toContain("yardmaster_reconcile_last_duration_seconds 0.0015\n");
  expect(text).toContain("yardmaster_reconcile_failures_total 1\n");
  expect(text).toContain('yardmaster_program_shape_info{families="ipv4",methods="dr,nat",schedulers="wlc",');
  expect(text).toContain("yardmaster_api_certificate_expiry_timestamp_seconds 2000000000\n");
});

test("it says what status says", () => {
  const labels = '{service="web",virtual="tcp [2001:db8::1]:80",server="[fd00::11]:8080",forwarding="nat"}';
  expect(text).toContain(`yardmaster_server_connections_total${labels} 17\n`);
  expect(text).toContain(`yardmaster_server_bytes_out_total${labels} 54321\n`);
  expect(text).toContain(`yardmaster_server_active_connections${labels} 3\n`);
  expect(text).toContain(`yardmaster_server_weight${labels} 2\n`);
  expect(text).toContain('yardmaster_not_forwarded_packets_total{verdict="drop",reason="tableFull"} 7\n');
  expect(text).toContain('yardmaster_info{version="1.2.3"} 1\n');
  expect(text).toContain('yardmaster_program{interface="eth0",mode="native",program_id="42"} 1\n');
});

test("what a server does not have is not there", () => {
  expect(text).not.toContain("local_ports");
});

test("labels cannot break out of their quotes", () => {
  const samples = [{ labels: { reason: 'a"b\\c\nd' }, value: 1 }];
  expect(textOf([{ name: "x", kind: "gauge", help: "h", samples }])).toContain('x{reason="a\\"b\\\\c\\nd"} 1');
});

test("the dashboard, the alerts and the page about metrics name only what there is, and the page all of it", () => {
  const endings = { counter: ["_total"], gauge: [""], info: ["_info"], histogram: ["", "_bucket"] } as const;
  const known = new Set(families().flatMap(({ name, kind }) => endings[kind].map((ending) => `${name}${ending}`)));
  const read = (file: string) => readFileSync(new URL(`../../../../${file}`, import.meta.url), "utf8");
  for (const file of ["examples/grafana-dashboard.json", "examples/prometheus-rules.yml", "docs/metrics.md"]) {
    const named = new Set(read(file).match(/\byardmaster_[a-z_]+[a-z]/g));
    expect(named.size, file).toBeGreaterThan(5);
    expect(
      [...named].filter((name) => !known.has(name)),
      file,
    ).toEqual([]);
  }
  const page = read("docs/metrics.md");
  const short = (name: string) => `\`…_${name.replace(/^yardmaster_(server|service)_/, "")}\``;
  const untold = [...known].filter(
    (name) => !page.includes(name.replace(/_bucket$/, "")) && !page.includes(short(name)),
  );
  expect(untold).toEqual([]);
});
