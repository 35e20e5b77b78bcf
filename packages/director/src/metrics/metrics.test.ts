// What is scraped: the text's form, and that it says what status says.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import type { DestinationStatus, DirectorStatus } from "../api/types.ts";
import { openMetricsText } from "./exposition.ts";
import { metricFamilies } from "./metrics.ts";

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
  connectionTable: { entries: 4, maximum: 1000 },
};
const text = openMetricsText(metricFamilies(status, { residentBytes: 1024, cpuSeconds: 0.5 }));

test("each family is declared before its samples, and the text ends as it must", () => {
  const lines = text.split("\n");
  expect(lines.at(-2)).toBe("# EOF");
  let declared = "";
  for (const line of lines.slice(0, -2)) {
    const [, type] = /^# TYPE (\S+) (?:counter|gauge|info)$/.exec(line) ?? [];
    declared = type ?? declared;
    if (type !== undefined) continue;
    const sample = /^[a-z_]+(?:\{(?:[a-z_]+="[^"\\\n]*",?)+\})? -?[0-9.e+]+$/;
    expect(line.startsWith(`# HELP ${declared} `) || (line.startsWith(declared) && sample.test(line))).toBe(true);
  }
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
  expect(openMetricsText([{ name: "x", kind: "gauge", help: "h", samples }])).toContain('x{reason="a\\"b\\\\c\\nd"} 1');
});

test("the dashboard and the page about metrics name only what there is", () => {
  const families = metricFamilies(status, { residentBytes: 1, cpuSeconds: 1 });
  const endings = { counter: "_total", gauge: "", info: "_info" } as const;
  const known = families.map(({ name, kind }) => `${name}${endings[kind]}`);
  for (const file of ["examples/grafana-dashboard.json", "docs/metrics.md"]) {
    const text = readFileSync(new URL(`../../../../${file}`, import.meta.url), "utf8");
    const named = new Set(text.match(/\byardmaster_[a-z_]+[a-z]/g));
    expect(named.size).toBeGreaterThan(5);
    expect([...named].filter((name) => !known.includes(name))).toEqual([]);
  }
});
