// Numbers of a run, from a recording made by hand.
import { expect, test } from "vitest";
import type { Recording, ServerRecording } from "../engine/recording.ts";
import { prepareSimulation } from "../simulation.ts";
import { summarise } from "./summarise.ts";

const simulation = prepareSimulation({ servers: "weight=1, weight=3", duration: "4s", warmUp: "1s", cache: "10" });

function server(active: number[], given: number, changes: Partial<ServerRecording> = {}): ServerRecording {
  const zeros = active.map(() => 0);
  return { active, inactive: zeros, open: zeros, connections: [...zeros, given], lookups: 0, hits: 0, ...changes };
}

const recording: Recording = {
  scheduler: "wlc",
  atMs: [0, 1_000, 2_000, 3_000, 4_000],
  servers: [
    server([9, 2, 1, 0, 3], 25, { lookups: 10, hits: 5, open: [0, 0, 4, 0, 0] }),
    server([0, 6, 3, 0, 1], 75, { lookups: 30, hits: 25 }),
  ],
  lasted: [100, 200, 300, 1_000].map((tookMs, index) => ({ server: index % 2, tookMs })),
  refused: 4,
  broken: 1,
  unforwarded: [{ reason: "noDestination", packets: 4 }],
  packets: 10,
  instructions: 4_004,
};

test("levels, shares and times count from the end of the warm-up", () => {
  const result = summarise(simulation, recording);
  expect(result).toMatchObject({
    scheduler: "wlc",
    connections: 100,
    refused: 4,
    broken: 1,
    packets: 10,
    instructionsPerPacket: 400,
    took: { meanMs: 400, p50Ms: 200, p99Ms: 1_000 },
    hitRate: 0.75,
  });
  expect(result.servers).toMatchObject([
    {
      name: "s1",
      connections: 25,
      share: 0.25,
      shareByWeight: 0.25,
      active: { mean: 1.5, most: 3 },
      open: { mean: 1, most: 4 },
      took: { meanMs: 200 },
      hitRate: 0.5,
    },
    { name: "s2", share: 0.75, shareByWeight: 0.75, active: { mean: 2.5, most: 6 }, hitRate: 25 / 30 },
  ]);
});

test("imbalance is the busiest load for its weight over all loads for theirs; no load is no imbalance", () => {
  // 2:6 and 1:3 are even, 0:0 does not count, 3:1 is three times what one of four in all stands for.
  expect(summarise(simulation, recording).imbalance).toEqual({ mean: 5 / 3, most: 3 });
  const idle = { ...recording, servers: recording.servers.map(() => server([0, 0, 0, 0, 0], 0)), lasted: [] };
  expect(summarise(simulation, idle)).toMatchObject({ imbalance: null, took: null, hitRate: null });
});

test("of udp the servers' own counts are the load", () => {
  const udp = { ...simulation, protocol: "udp" as const };
  expect(summarise(udp, recording).imbalance).toEqual({ mean: 4, most: 4 });
});

test("servers of weight 0 take no part", () => {
  const quiet = prepareSimulation({ servers: "weight=1, weight=0", duration: "4s", warmUp: "1s" });
  expect(summarise(quiet, recording).imbalance).toEqual({ mean: 1, most: 1 });
});
