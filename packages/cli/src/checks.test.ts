// Checks as text.
import type { CheckStatus } from "@yardmaster/director/api";
import { expect, test } from "vitest";
import { formatCheck, formatChecks } from "./commands/checks.ts";

const down: CheckStatus = {
  ...{ check: "http GET /health", via: "direct", address: "10.0.0.11", port: 8080, isUp: false, against: 1 },
  ...{ intervalMs: 1000, timeoutMs: 500, rise: 2, fall: 3 },
  servers: [
    { service: "web", server: "10.0.0.11:8080" },
    { service: "shop", server: "10.0.0.11:8080" },
  ],
  exchanges: [
    { atMs: 0, durationMs: 500, outcome: "bad", reason: "timed out after 500 ms: no answer" },
    { atMs: 700, durationMs: 500, outcome: "bad", reason: "ECONNREFUSED", hint: "it refused 1 connection" },
    { atMs: 1000, durationMs: 1.25, outcome: "good", reason: "HTTP 200 OK" },
  ],
};
const fresh: CheckStatus = { ...down, address: "2001:db8::1", isUp: true, against: 0, exchanges: [] };
const other: CheckStatus = {
  ...down,
  via: "vip",
  address: "10.0.0.2",
  isUp: true,
  against: 2,
  servers: down.servers.slice(0, 1),
};

test("a table of all", () => {
  expect(`\n${formatChecks([fresh, down, other])}`).toMatchInlineSnapshot(`
    "
    SERVER              CHECK             VIA     STATE               SERVICES     TOOK  LAST ANSWER
    [2001:db8::1]:8080  http GET /health  direct  UP                  web, shop          none yet
    10.0.0.2:8080       http GET /health  vip     UP (2 of 3 bad)     web        1.3 ms  HTTP 200 OK
    10.0.0.11:8080      http GET /health  direct  DOWN (1 of 2 good)  web, shop  1.3 ms  HTTP 200 OK"
  `);
});

test("one with its exchanges", () => {
  expect(`\n${formatCheck(down)}`).toMatchInlineSnapshot(`
    "
    10.0.0.11:8080  http GET /health  DOWN (1 of 2 good)
    every 1000 ms, timeout 500 ms, rise 2, fall 3, via direct
    TIME                      ANSWER    TOOK  REASON
    1970-01-01T00:00:01.000Z  good    1.3 ms  HTTP 200 OK
    1970-01-01T00:00:00.700Z  bad     500 ms  ECONNREFUSED (asked sooner: it refused 1 connection)
    1970-01-01T00:00:00.000Z  bad     500 ms  timed out after 500 ms: no answer"
  `);
});
