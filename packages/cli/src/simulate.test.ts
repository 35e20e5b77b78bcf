// `yardmaster simulate` as a process: table, JSON and chart of one workload, files in, errors for people.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { SimulationReport } from "@yardmaster/simulate";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Outcome, runCommand } from "../test/run-command.ts";

const workload = `
servers: [2x weight=1, weight=2 speed=2]
rate: 20/s
duration: 10s
connections: exponential 500ms
scheduler: rr
`;
let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "yardmaster-simulate-"));
  writeFileSync(join(folder, "w.yaml"), workload);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function simulate(...args: readonly string[]): Promise<Outcome> {
  return runCommand(folder, "simulate", ...args);
}

it("prints what was played, each scheduler, each server, and which did best", async () => {
  const { status, stdout, stderr } = await simulate("-f", "w.yaml", "--scheduler", "rr,wlc", "--cache", "20");
  expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  expect(stdout).toMatchInlineSnapshot(`
    "20/s poisson for 10s; each exponential 500ms; 1000 clients; caches of 20; tcp, dr; seed 1
    servers: 2x weight=1, weight=2 speed=2

    SCHEDULER  CONNECTIONS  REFUSED  IMBALANCE  WORST  TOOK (MEAN)  HALF IN  99 % IN  HIT RATE
    rr                 208        0       2.00   4.00       427 ms   315 ms   1.84 s     3.9 %
    wlc                208        0       1.44   4.00       368 ms   257 ms    1.5 s     2.8 %

    ACTIVE CONNECTIONS OF A SERVER, MEAN (MOST)
    SCHEDULER  s1: weight 1  s2: weight 1  s3: weight 2, speed 2
    rr             4.04 (8)      2.90 (8)               1.91 (5)
    wlc            2.36 (4)      2.07 (4)               3.14 (7)

    SHARE OF CONNECTIONS (WHAT THE WEIGHT STANDS FOR)
    SCHEDULER     s1: weight 1     s2: weight 1  s3: weight 2, speed 2
    rr         33.7 % (25.0 %)  33.2 % (25.0 %)        33.2 % (50.0 %)
    wlc        20.7 % (25.0 %)  23.6 % (25.0 %)        55.8 % (50.0 %)

    imbalance: the busiest server's active connections for its weight against all servers' for theirs; 1 is even
    took: from a connection's begin to its end; the first 1 s count for neither

    most even: wlc; quickest: wlc; best use of caches: rr
    "
  `);
});

it("prints the same as JSON, the command line winning over the file, and writes the chart", async () => {
  const outcome = await simulate("-f", "w.yaml", "--rate", "10/s", "--seed", "7", "--json", "--chart", "out.svg");
  expect(outcome).toMatchObject({ status: 0, stderr: "" });
  const report = JSON.parse(outcome.stdout) as SimulationReport;
  expect(report.settings).toMatchObject({ rate: "10/s", seed: "7", duration: "10s" });
  expect(report.servers).toEqual([
    { name: "s1", weight: 1, speed: 1, workers: null, upper: 0, lower: 0 },
    { name: "s2", weight: 1, speed: 1, workers: null, upper: 0, lower: 0 },
    { name: "s3", weight: 2, speed: 2, workers: null, upper: 0, lower: 0 },
  ]);
  const [result] = report.results;
  expect(result?.samples.atMs).toHaveLength(201);
  expect(result?.servers.map(({ connections }) => connections).reduce((a, b) => a + b)).toBe(result?.connections);
  expect(readFileSync(join(folder, "out.svg"), "utf8")).toMatch(/^<svg .*<\/svg>\n$/s);
  expect(await simulate("-f", "w.yaml", "--rate", "10/s", "--seed", "7", "--json")).toEqual(outcome);
});

describe("what is wrong is said with what would be right", () => {
  it.each([
    ["a value", ["--rate", "200"], 2, 'reading rate: "200" is no rate; write how many in what time: 200/s'],
    ["a scheduler", ["--scheduler", "wcl"], 2, 'there is no scheduler "wcl"; did you mean wlc?'],
    ["options that exclude each other", ["--to", "192.0.2.1"], 2, "to says what to take from a capture"],
    ["a file that is not there", ["--capture", "none.pcap"], 2, "reading none.pcap: there is no such file"],
    ["a file that is no capture", ["--capture", "w.yaml"], 2, "it starts like neither pcapng nor pcap"],
    [
      "a chart that cannot be written",
      ["-f", "w.yaml", "--chart", "no/such.svg"],
      1,
      "writing no/such.svg: there is no",
    ],
  ] as const)("%s", async (_, args, status, text) => {
    const outcome = await simulate(...args);
    expect(outcome).toMatchObject({ status, stdout: "" });
    expect(outcome.stderr).toContain(text);
    expect(outcome.stderr).not.toMatch(/^\s+at /m);
  });

  it("a workload file with faults, as a compiler would", async () => {
    writeFileSync(join(folder, "bad.yaml"), "rate: 200/s\nclinets: 5\n");
    expect(await simulate("-f", "bad.yaml")).toMatchInlineSnapshot(`
      {
        "status": 2,
        "stderr": "bad.yaml:2:1: error: unknown key "clinets"
          2 | clinets: 5
            | ^
            = did you mean "clients"?
      ",
        "stdout": "",
      }
    `);
  });
});
