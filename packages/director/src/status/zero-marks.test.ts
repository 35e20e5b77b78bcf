// Counters that begin at zero for those who ask, and go on for everybody else.
import { expect, test } from "vitest";
import type { DestinationStatus, ServiceStatus } from "../api/types.ts";
import { ZeroMarks } from "./zero-marks.ts";

const server = (address: string, connections: number): DestinationStatus => ({
  ...{ address, port: 80, weight: 1, forwarding: "dr", upperThreshold: 0, lowerThreshold: 0, overloaded: false },
  ...{ activeConnections: 0, inactiveConnections: 0, persistentClients: 0 },
  ...{ connections, packetsIn: 10 * connections, bytesIn: 100 * connections },
});
const service = (name: string, counts: readonly number[]): ServiceStatus => ({
  ...{ name, matchText: `tcp ${name}`, scheduler: "rr", schedulerOptions: [], forwarding: "dr", onePacket: false },
  match: { kind: "exact", address: "198.51.100.10", port: 80, protocol: "tcp" },
  caps: { newPerSecond: 0, halfOpen: 0 },
  ...{ activeConnections: 0, inactiveConnections: 0, persistentClients: 0, connections: 0, packetsIn: 0, bytesIn: 0 },
  servers: counts.map((count, at) => server(`10.0.0.${at + 1}`, count)),
});
const zeroedOf = (services: readonly ServiceStatus[]) =>
  services.map(({ zeroed, servers }) => [zeroed?.connections, ...servers.map((one) => one.zeroed?.connections)]);

test("all services, then one of them again", () => {
  const marks = new ZeroMarks();
  const before = [service("a", [3, 4]), service("b", [5])];
  expect(zeroedOf(marks.annotate(before))).toEqual([
    [undefined, undefined, undefined],
    [undefined, undefined],
  ]);
  marks.zero(before, undefined);
  const after = [service("a", [4, 4]), service("b", [9])];
  expect(zeroedOf(marks.annotate(after))).toEqual([
    [7, 3, 4],
    [5, 5],
  ]);
  marks.zero(after, "b");
  expect(zeroedOf(marks.annotate(after))).toEqual([
    [7, 3, 4],
    [9, 9],
  ]);
  expect(marks.annotate(after)[0]?.zeroed).toMatchObject({ packetsIn: 70, bytesIn: 700, packetsOut: 0 });
  expect(() => marks.zero(after, "c")).toThrow(/no service "c"/);
});

test("outlives a restart; a server that came anew has counted from nothing", () => {
  const marks = new ZeroMarks();
  marks.zero([service("a", [3, 4])], undefined);
  const next = new ZeroMarks(JSON.parse(JSON.stringify(marks.kept)) as typeof marks.kept);
  expect(zeroedOf(next.annotate([service("a", [3, 1])]))).toEqual([[3, 3, undefined]]);
});
