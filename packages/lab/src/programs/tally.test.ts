// The traffic program's count of what came of requests and visits.
import { expect, test } from "vitest";

import { Tally } from "./tally.ts";

test("counts answers by server and by client, and sees whose address the server saw", () => {
  const tally = new Tally();
  for (const latencyMs of [1, 2, 3, 4]) {
    tally.sent();
    tally.answered({ server: "server1", client: "203.0.113.10:4000" }, "203.0.113.10:4000", latencyMs);
  }
  tally.sent();
  tally.answered({ server: "server2", client: "10.0.0.1:4001" }, "203.0.113.11:4001", 5);
  tally.visited(["server1", "server1", "server1", "server1"]);
  tally.visited(["server2"]);
  expect(tally.report()).toEqual({
    connections: 2,
    sent: 5,
    answered: 5,
    failures: {},
    requestsByServer: { server1: 4, server2: 1 },
    connectionsByServer: { server1: 1, server2: 1 },
    connectionsThatMoved: 0,
    ownAddressSeen: 4,
    foreignAddressesSeen: ["10.0.0.1:4001"],
    serversByClient: { "203.0.113.10": ["server1"], "203.0.113.11": ["server2"] },
    firstAnswer: { server: "server1", client: "203.0.113.10:4000" },
    latencyMs: { p50: 3, p90: 5, p99: 5, max: 5 },
  });
});

test("counts failures by cause, and visits that changed their server", () => {
  const tally = new Tally();
  tally.failed("timeout");
  tally.failed("timeout");
  tally.failed("ECONNREFUSED");
  tally.visited([]);
  tally.visited(["server1", "server2"]);
  expect(tally.failures).toBe(3);
  const { failures, connections, connectionsByServer, connectionsThatMoved } = tally.report();
  expect({ failures, connections, connectionsByServer, connectionsThatMoved }).toEqual({
    failures: { timeout: 2, ECONNREFUSED: 1 },
    connections: 2,
    connectionsByServer: { server1: 1 },
    connectionsThatMoved: 1,
  });
});
