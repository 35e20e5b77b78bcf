// The path of one packet: what captures at many points become, and that each fault on the way is found and named.
import { foldSum, ipProtocols, layerOf, parseCapture, parseFrame, pseudoHeaderSum } from "@yardmaster/packet";
import { describe, expect, test } from "vitest";

import { labFamilies } from "../addresses.ts";
import type { LabLayout } from "../layout.ts";
import { layoutOf } from "../layouts.ts";
import { captureBytes } from "./capture-file.ts";
import { capturePoints } from "./capture-points.ts";
import type { Sighting } from "./follow.ts";
import { follow } from "./follow.ts";
import { judgeTrace } from "./judge-trace.ts";
import type { TraceReport } from "./trace-report.ts";
import { traceOf } from "./trace-report.ts";
import { traceLines } from "./trace-text.ts";
import type { Leg } from "./trace.fixture.ts";
import { clientOf, goodLegs, goodSightings, sightingsOf } from "./trace.fixture.ts";

const [nat, dr] = (["nat", "dr"] as const).map((method) => layoutOf({ method, scenario: "path" }, 3));

function reportOf(layout: LabLayout | undefined, sightings: readonly Sighting[]): TraceReport | undefined {
  const [service] = layout?.services ?? [];
  if (layout === undefined || service === undefined) throw new Error("no layout");
  const { address, port } = clientOf(layout);
  return traceOf(service, sightings, { server: "server1", client: `${address}:${port}` });
}

function unmet(layout: LabLayout | undefined, trace: TraceReport | undefined): readonly string[] {
  if (layout === undefined) throw new Error("no layout");
  return judgeTrace(layout, trace)
    .filter(({ met }) => !met)
    .map(({ what, detail }) => `${what} (${detail})`);
}

/** The trace of a request whose legs were changed, with a good reply. */
function withRequest(layout: LabLayout | undefined, change: (legs: readonly Leg[]) => readonly Leg[]) {
  if (layout === undefined) throw new Error("no layout");
  const { request, reply } = goodLegs(layout);
  return reportOf(layout, [
    ...sightingsOf(layout, change(request), "GET /"),
    ...sightingsOf(layout, reply, "200 OK", 1_000_000n),
  ]);
}

describe.each(["nat", "dr"] as const)("%s", (method) => {
  test.each(labFamilies)("a good connection over %s meets everything, in whatever order it is told", (family) => {
    const layout = layoutOf({ method, family, scenario: "path" }, 3);
    const trace = reportOf(layout, goodSightings(layout).toReversed());
    expect(unmet(layout, trace)).toEqual([]);
    expect(trace?.request.map(({ from, to }) => `${from} ${to}`)).toEqual([
      "client router",
      "router director",
      "director server1",
    ]);
  });
});

test("what the director changed stands at its hop, for people", () => {
  const layout = layoutOf({ method: "nat", scenario: "path" }, 3);
  const trace = reportOf(layout, goodSightings(layout));
  expect(trace && traceLines(trace).join("\n")).toMatchInlineSnapshot(`
    "one packet of 203.0.113.10:40000 to 198.51.100.10:80, hop by hop:
      1. client → router
           ethernet  02:00:00:01:00:00 → 02:00:00:02:00:00
           packet    203.0.113.10:40000 → 198.51.100.10:80, tcp PA, TTL 64
      2. router → director
           ethernet  02:00:00:02:00:01 → 02:00:00:03:00:00
           packet    203.0.113.10:40000 → 198.51.100.10:80, tcp PA, TTL 63
      3. director → server1: director changed the destination
           ethernet  02:00:00:03:00:01 → 02:00:00:05:00:00
           packet    203.0.113.10:40000 → 10.0.0.11:8080, tcp PA, TTL 62
    server1 saw the client as 203.0.113.10:40000; its reply:
      4. server1 → director
           ethernet  02:00:00:05:00:00 → 02:00:00:03:00:01
           packet    10.0.0.11:8080 → 203.0.113.10:40000, tcp PA, TTL 64
      5. director → router: director changed the source
           ethernet  02:00:00:03:00:00 → 02:00:00:02:00:01
           packet    198.51.100.10:80 → 203.0.113.10:40000, tcp PA, TTL 63
      6. router → client
           ethernet  02:00:00:02:00:00 → 02:00:00:01:00:00
           packet    198.51.100.10:80 → 203.0.113.10:40000, tcp PA, TTL 62"
  `);
});

test("a director that leaves the destination alone is found; so is a router that changes it", () => {
  const faults = unmet(
    nat,
    withRequest(nat, (legs) => legs.map((leg) => ({ ...leg, destination: legs[0]?.destination ?? leg.destination }))),
  );
  expect(faults).toEqual([
    "of the request, the director changes destination, the other hosts nothing (director leaves the destination alone)",
  ]);
  const meddled = withRequest(nat, (legs) =>
    legs.map((leg, at) => (at === 1 ? { ...leg, source: { ...leg.source, port: 1 } } : leg)),
  );
  expect(unmet(nat, meddled)).toEqual([
    expect.stringContaining("router changes the source; director changes the source"),
  ]);
});

test("a request that goes past the director is found", () => {
  const trace = withRequest(dr, (legs) =>
    legs.flatMap((leg, at) => (at === 0 ? [leg] : at === 1 ? [{ ...leg, to: "server1" }] : [])),
  );
  expect(unmet(dr, trace)).toEqual([
    "the request goes client → router → director → server1 (client → router → server1)",
  ]);
});

test("a wrong checksum, a MAC address of somebody else, and a TTL that falls by two are found", () => {
  if (nat === undefined) throw new Error("no layout");
  const { request, reply } = goodLegs(nat);
  const [first, second, third] = sightingsOf(
    nat,
    request.map((leg, at) => (at > 0 ? { ...leg, ttl: leg.ttl - 1 } : leg)),
    "GET /",
  );
  if (first === undefined || second === undefined || third === undefined) throw new Error("no sightings");
  const spoilt = second.bytes.slice();
  spoilt[5] = 9;
  spoilt[50] = (spoilt[50] ?? 0) ^ 1;
  const others = sightingsOf(nat, request, "GET /").slice(2);
  const trace = reportOf(nat, [
    first,
    { ...second, bytes: spoilt },
    ...others,
    ...sightingsOf(nat, reply, "200 OK", 1_000_000n),
  ]);
  expect(unmet(nat, trace)).toEqual([
    expect.stringMatching(
      /router → director: tcp: checksum .*; router → director: to 02:00:00:03:00:09; router → director: TTL less by 2/,
    ),
  ]);
});

test("a checksum that is left to an interface is no fault, but its half has to be right", () => {
  if (nat === undefined) throw new Error("no layout");
  const withHalf = (change: number): readonly Sighting[] =>
    goodSightings(nat).map((sighting): Sighting => {
      const bytes = sighting.bytes.slice();
      const { source, destination } = layerOf(parseFrame(bytes), "ipv4") ?? { source: "", destination: "" };
      const half = foldSum(pseudoHeaderSum(source, destination, ipProtocols.tcp, bytes.length - 34));
      new DataView(bytes.buffer).setUint16(50, half + change);
      return { ...sighting, bytes, checksumPending: true };
    });
  expect(unmet(nat, reportOf(nat, withHalf(0)))).toEqual([]);
  expect(unmet(nat, reportOf(nat, withHalf(1)))).toEqual([
    expect.stringMatching(/client → router: tcp: 0x.{4} for an interface to complete, 0x.{4} would be right; /),
  ]);
});

test("no request, no answer, and another address at the server", () => {
  expect(unmet(nat, reportOf(nat, []))).toEqual([
    "one request and its reply are seen on their way (none was captured)",
  ]);
  const trace = withRequest(nat, (legs) => legs);
  const clientSeen = { address: "10.0.0.1", port: 1024 };
  expect(unmet(nat, trace && { ...trace, clientSeen })).toEqual([
    "the server sees the address and port that the client sent from (server1 saw 10.0.0.1:1024, sent from 203.0.113.10:40000)",
  ]);
  const noReply = reportOf(nat, nat === undefined ? [] : sightingsOf(nat, goodLegs(nat).request, "GET /"));
  expect(unmet(nat, noReply)).toHaveLength(3);
});

test("the capture has an interface for each point and comments on the packets that are followed", () => {
  if (dr === undefined) throw new Error("no layout");
  const sightings = goodSightings(dr);
  const virtual = { address: dr.virtualAddress, port: 80 };
  const capture = parseCapture(captureBytes(capturePoints(dr), sightings, follow(sightings, virtual)));
  expect(capture.interfaces.map(({ name }) => name)).toEqual([
    ...["client eth0", "switch router", "switch director", "switch server1", "switch server2", "switch server3"],
  ]);
  expect(capture.interfaces[2]?.description).toBe("switch's end of its cable to director eth0");
  expect(capture.packets).toHaveLength(sightings.length);
  expect(capture.packets.map(({ comment }) => comment)).toContain(
    "request, hop 3: director → server1: director changed nothing but the MAC addresses and the TTL",
  );
});
