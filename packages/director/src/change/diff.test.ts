// What two configurations differ in, what that costs, and how it is said.
import { describe, expect, test } from "vitest";
import { server } from "../../test/live/operations.ts";
import { configuration, service } from "../../test/sample.ts";
import type { HealthCheck } from "../model/check.ts";
import type { Configuration } from "../model/configuration.ts";
import { diff } from "./diff.ts";
import { diffLine, planText } from "./diff-text.ts";

const web = (last: readonly number[], changes: Parameters<typeof service>[0] = {}) =>
  service({ forwarding: "dr", ...changes, servers: last.map((one) => server(one)) });
const text = (before: Configuration, after: Configuration, connections = 3): string =>
  planText({ diff: diff(before, after, () => connections), program: { program: "kept" }, warnings: [] });

test("nothing, where both say the same", () => {
  expect(text(configuration([web([1])]), configuration([web([1])]))).toBe("nothing changes");
  expect(diffLine(diff(configuration([]), configuration([]), () => 0))).toBe("nothing");
});

test("services and servers that come, change and go, with what that costs", () => {
  const before = configuration([web([1, 2]), web([1], { name: "old", port: 81 })]);
  const changed = { ...web([1, 3]), servers: [server(1, { weight: 0 }), server(3)], scheduler: "wlc" as const };
  const after = configuration([changed, web([4], { name: "new", port: 82, drainMs: 0 })], { onRemoval: "reset" });
  expect(text(before, after)).toMatchInlineSnapshot(`
    "~ director.onRemoval drop → reset
    ~ service web (tcp 198.51.100.10:80)
        ~ scheduler rr → wlc
        ~ server 10.0.0.1:80: 3 connections kept, weight 1 → 0
        + server 10.0.0.3:80, weight 1
        - server 10.0.0.2:80: 3 connections drained
    + service new (tcp 198.51.100.10:82)
        + server 10.0.0.4:80, weight 1
    - service old (tcp 198.51.100.10:81)
        - server 10.0.0.1:80: 3 connections drained
    connections: 3 kept, 6 drained
    program: kept, only its tables change"
  `);
  expect(diffLine(diff(before, after, () => 0))).toMatchInlineSnapshot(
    `"director.onRemoval drop → reset, 1 service added (new), 1 service changed (web: scheduler rr → wlc, server 10.0.0.1:80 weight 1 → 0, server 10.0.0.3:80 added, server 10.0.0.2:80 removed), 1 service removed (old)"`,
  );
});

test("connections are cut where drain is off; order is a change", () => {
  const before = configuration([web([1, 2, 3], { drainMs: 0 })]);
  expect(text(before, configuration([web([3, 1], { drainMs: 0 })]))).toMatch(
    /server 10.0.0.2:80: 3 connections cut\n.*order/,
  );
});

test("a service that goes is cut where another takes its packets", () => {
  const ports = [{ first: 80, last: 443 }] as const;
  const match = { kind: "wide", prefixes: ["198.51.100.10/32"], ports, protocol: "tcp" } as const;
  const wide = service({ forwarding: "dr", name: "all", servers: [server(1)], match });
  expect(text(configuration([web([1])]), configuration([wide]))).toMatch(/- service web .*\n.*3 connections cut/);
  expect(text(configuration([web([1])]), configuration([]))).toMatch(/- service web .*\n.*3 connections drained/);
});

test("a server's own drain says what becomes of its connections", () => {
  const before = configuration([
    service({ forwarding: "dr", servers: [server(1), server(2, { drainMs: 0 })], drainMs: 60_000 }),
    service({ forwarding: "dr", servers: [server(1, { drainMs: 5_000 })], drainMs: 0, port: 81, name: "other" }),
  ]);
  const after = configuration([
    service({ forwarding: "dr", servers: [server(1)], drainMs: 60_000 }),
    service({ forwarding: "dr", servers: [], drainMs: 0, port: 81, name: "other" }),
  ]);
  expect(text(before, after)).toMatch(/10.0.0.2:80: 3 connections cut\n[^]*10.0.0.1:80: 3 connections drained/);
});

test("fields have the file's names and units", () => {
  const more = { drainMs: 30_000, slowStartMs: 60_000, persistence: { timeoutMs: 300_000, maskBits: 24 } } as const;
  const before = configuration([web([1])], { dropOneOf: 0 });
  const said = text(before, configuration([web([1], more)], { dropOneOf: 10 })).split("\n");
  expect(said.slice(0, 6)).toEqual([
    "~ director.dropPackets.oneOf 0 → 10",
    "~ service web (tcp 198.51.100.10:80)",
    "    ~ persistence.timeout not set → 5m",
    "    ~ persistence.netmask not set → 24",
    "    ~ drain not set → 30s",
    "    ~ slowStart not set → 1m",
  ]);
});

test("checks are told in a few words", () => {
  const probe = { kind: "http", method: "GET", path: "/", host: undefined, headers: {}, status: [], body: undefined };
  const pace = { intervalMs: 2_000, jitterMs: 200, timeoutMs: 1_000, rise: 2, fall: 3, takesHints: true };
  const check = { probe, via: "vip", port: undefined, ...pace } as HealthCheck;
  const changed = { ...check, intervalMs: 5_000 };
  const health = (one: HealthCheck) => ({ health: { checks: [one], onDown: "drain", quorum: 1 } }) as const;
  const said = text(configuration([web([1], health(check))]), configuration([web([1], health(changed))]));
  expect(said).toMatch(
    /~ checks \[http GET \/ via vip every 2s, timeout 1s, rise 2, fall 3\] → \[http GET \/ via vip every 5s, /,
  );
});

test("a server without connections costs none", () => {
  expect(text(configuration([web([1, 2])]), configuration([web([1])]), 0)).toMatch(
    /- server 10.0.0.2:80: it has no connections\nprogram/,
  );
  expect(text(configuration([web([1, 2])]), configuration([web([1])]), 1)).toMatch(/: 1 connection drained/);
});

describe("slots of a table that move", () => {
  const share = (scheduler: "sh" | "dh" | "mh", before: readonly number[], after: readonly number[]) => {
    const tableSize = scheduler === "mh" ? 4093 : undefined;
    const [one, other] = [before, after].map((last) => configuration([web(last, { scheduler, tableSize })]));
    return diff(one ?? configuration([]), other ?? configuration([]), () => 0).services[0]?.slots;
  };

  test("with mh hardly more than must, with sh nearly all", () => {
    const [maglev, source] = [share("mh", [1, 2, 3, 4, 5], [1, 2, 3, 4]), share("sh", [1, 2, 3, 4, 5], [1, 2, 3, 4])];
    expect(maglev?.idealShare).toBeCloseTo(0.2, 1);
    expect(maglev?.movedShare).toBeLessThan(0.3);
    expect(source?.idealShare).toBeCloseTo(0.2, 1);
    expect(source?.movedShare).toBeGreaterThan(0.6);
    expect(share("dh", [1, 2], [1, 2, 3])?.slots).toBe(256);
  });

  test("none when a server is quiesced, all with another scheduler", () => {
    const before = web([1, 2], { scheduler: "sh" });
    const quiesced = { ...before, servers: [server(1), server(2, { weight: 0 })] };
    const slots = (after: typeof before) =>
      diff(configuration([before]), configuration([after]), () => 0).services[0]?.slots?.movedShare;
    expect(slots(quiesced)).toBe(0);
    expect(slots({ ...before, scheduler: "dh" })).toBe(1);
    expect(slots({ ...before, scheduler: "rr" })).toBeUndefined();
  });
});
