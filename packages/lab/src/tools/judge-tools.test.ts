// The judgement of the scenario `tools`: a good run passes, and each fault is found and named.
import { expect, test } from "vitest";

import { judgeTools } from "./judge-tools.ts";
import type { ToolRequests, ToolsMeasurement } from "./tools-report.ts";
import { toolsLines } from "./tools-text.ts";

const requests: ToolRequests = {
  ...{ asked: 30, answered: 30, byServer: { server1: 10, server2: 10, server3: 10 }, failures: [] },
  ...{ logged: 30, loggedAsClient: 30, logLine: "203.0.113.10 GET /" },
};
const good: ToolsMeasurement = {
  web: requests,
  names: { ...requests, loggedAsClient: 0 },
  bulk: [
    { direction: "to the server", bitsPerSecond: 2.5e9, bytes: 312_500_000 },
    { direction: "from the server", bitsPerSecond: 1e9, bytes: 125_000_000 },
  ],
};

const unmet = (measured: ToolsMeasurement, tcp: "client" | "director" = "client"): readonly string[] =>
  judgeTools({ serversSee: { tcp, udp: "director" } }, measured)
    .filter(({ met }) => !met)
    .map(({ what, detail }) => `${what} (${detail})`);

test("a good run meets everything, and is told in a few lines", () => {
  expect(unmet(good)).toEqual([]);
  expect(toolsLines(good).slice(0, 3)).toEqual([
    "curl asks nginx: 30 of 30 answered (server1 10, server2 10, server3 10)",
    "  their logs: clients' own addresses in 30 of 30 lines",
    "  203.0.113.10 GET /",
  ]);
  expect(toolsLines(good)).toContain("iperf3, TCP in bulk to the server: 2.50 Gbit/s");
});

test("requests without an answer, other shares, and addresses in the log that are not the clients'", () => {
  const byServer = { server1: 20, server2: 9 };
  const web = { ...requests, answered: 29, byServer, failures: ["curl: (7) Failed to connect"], loggedAsClient: 28 };
  expect(unmet({ ...good, web })).toEqual([
    "nginx answers every request (29 of 30; curl: (7) Failed to connect)",
    "nginx: requests are shared equally (20:9:0)",
    "nginx's log shows clients' own addresses (clients' own in 28 of 30 lines)",
  ]);
});

test("a client's address where only the director's can be, and a log without lines", () => {
  expect(unmet(good, "director")).toEqual([
    "nginx's log shows the director's addresses (clients' own in 30 of 30 lines)",
  ]);
  expect(unmet({ ...good, web: { ...requests, logged: 0, loggedAsClient: 0 } })).toHaveLength(1);
});

test("a transfer that fails, and one that hardly moves", () => {
  const [to, from] = good.bulk;
  if (to === undefined || from === undefined) throw new Error("no transfers");
  const failed = { ...to, bitsPerSecond: 0, bytes: 0, failure: "unable to connect to server" };
  expect(unmet({ ...good, bulk: [failed, { ...from, bytes: 4000 }] })).toEqual([
    "iperf3 sends in bulk to the server (unable to connect to server)",
    "iperf3 sends in bulk from the server (4000 bytes)",
  ]);
});
