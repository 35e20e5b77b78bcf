// The judgement of a lab run: a good run passes, and each fault is found and named.
import { expect, test } from "vitest";

import { judge } from "./expectations.ts";
import type { MethodMeasurement } from "./lab-report.ts";
import { layoutOf } from "./layouts.ts";
import { goodMeasurement } from "./measurement.fixture.ts";
import type { TrafficReport } from "./traffic-job.ts";

const unmet = (measured: MethodMeasurement): readonly string[] =>
  judge(layoutOf(measured, 1), measured)
    .filter(({ met }) => !met)
    .map(({ what, detail }) => `${what} (${detail})`);

const good = goodMeasurement("nat");
function withTraffic(changes: Partial<TrafficReport>): typeof good {
  const services = good.services.map((result) => ({ ...result, traffic: { ...result.traffic, ...changes } }));
  return { ...good, services };
}

test.each(["nat", "dr"] as const)("a good run with %s meets everything", (method) => {
  expect(unmet(goodMeasurement(method))).toEqual([]);
});

test("requests without an answer are told with their causes", () => {
  expect(unmet(withTraffic({ answered: 57, ownAddressSeen: 57, failures: { timeout: 3 } }))).toEqual([
    "web: every request is answered (57 of 60; failed: 3 × timeout)",
  ]);
});

test("a share that does not follow the weights is found", () => {
  expect(unmet(withTraffic({ connectionsByServer: { server1: 10, server2: 10, server3: 10 } }))).toEqual([
    "web: wrr shares connections 1:2:3 (10:10:10 of 30 connections)",
  ]);
});

test("sh must keep a client's address at one server", () => {
  const measured = withTraffic({ serversByClient: { "203.0.113.10": ["server1", "server2"] } });
  const services = measured.services.map((each) => ({
    ...each,
    service: { ...each.service, scheduler: "sh" as const },
  }));
  expect(unmet({ ...measured, services })).toEqual([
    "web: sh keeps each client address at one server, and uses several servers " +
      "(0 of 1 addresses at one server; 3 servers used)",
  ]);
});

test("a connection that changed its server, and an address that is not the client's, are found", () => {
  const changes = { connectionsThatMoved: 1, ownAddressSeen: 59, foreignAddressesSeen: ["10.0.0.1:4000"] };
  expect(unmet(withTraffic(changes))).toEqual([
    "web: a connection stays with its server (1 of 30 moved)",
    "web: servers see the client's own address (59 of 60; others saw 10.0.0.1:4000)",
  ]);
});

test("replies must take the way of the method", () => {
  const frames = { requests: 300, replies: 400, repliesThroughDirector: 200 };
  expect(unmet({ ...good, frames })).toEqual([
    "replies pass the director (200 of 400 reply frames through the director)",
  ]);
  expect(unmet({ ...goodMeasurement("dr"), frames })).toEqual([
    "replies go past the director, straight to the clients (200 of 400 reply frames through the director)",
  ]);
});

test("what the director says must agree: hooks, connections, none active, nothing left attached", () => {
  const services = good.status.services.map((each) => ({ ...each, connections: 29, activeConnections: 2 }));
  const status = { ...good.status, hooks: good.status.hooks.slice(0, 1), services };
  const directorEnd = { how: "signal SIGKILL", interfacesWithXdp: ["eth1"] };
  expect(unmet({ ...good, status, directorEnd })).toEqual([
    "web: the director counts each connection once (29 counted, 31 made)",
    "web: closed connections are not active (2 active after the traffic)",
    "the director works on eth0 and eth1 (eth0 (native))",
    "the director ends on SIGTERM and leaves nothing attached (signal SIGKILL; still attached: eth1)",
  ]);
});
