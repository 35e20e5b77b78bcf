// Generated workloads: rates, reproducibility, flows that can be told apart.
import { expect, test } from "vitest";
import { parseDistribution } from "./distribution.ts";
import { generatedTarget, generateFlows, type Generation } from "./generate.ts";
import { parsePopularity } from "./popularity.ts";

const number = parsePopularity("clients", 1_000_000);

function generation(changes: Partial<Generation> = {}): Generation {
  return {
    rate: 100,
    arrivals: "poisson",
    durationMs: 60_000,
    connections: parseDistribution("exponential 2s"),
    clients: number("50 zipf"),
    destinations: number("1"),
    seed: 1,
    ...changes,
  };
}

test("the same seed gives the same flows, another one others", () => {
  const first = [...generateFlows(generation())];
  expect([...generateFlows(generation())]).toEqual(first);
  expect([...generateFlows(generation({ seed: 2 }))]).not.toEqual(first);
});

test("poisson and steady arrivals come at the rate, in order and in time", () => {
  const poisson = [...generateFlows(generation())].map(({ atMs }) => atMs);
  expect(poisson.length / 6_000).toBeCloseTo(1, 1);
  expect(poisson).toEqual(poisson.toSorted((a, b) => a - b));
  expect(poisson.at(-1)).toBeLessThan(60_000);
  const gaps = poisson.slice(1).map((atMs, index) => atMs - (poisson[index] ?? 0));
  // Of exponential gaps of mean 10 ms a part of 1/e is longer than the mean.
  expect(gaps.filter((gap) => gap > 10).length / gaps.length).toBeCloseTo(1 / Math.E, 1);
  const steady = [...generateFlows(generation({ arrivals: "steady" }))].map(({ atMs }) => atMs);
  expect(steady.slice(0, 3)).toEqual([10, 20, 30]);
  expect(steady).toHaveLength(5_999);
});

test("another rate changes neither who comes nor how long it lasts", () => {
  const about = (rate: number) =>
    [...generateFlows(generation({ rate }))].slice(0, 100).map(({ client, lastsMs }) => ({ client, lastsMs }));
  expect(about(500)).toEqual(about(100));
});

test("no two connections of a client have the same port", () => {
  const flows = [...generateFlows(generation({ clients: number("3") }))];
  expect(new Set(flows.map(({ client }) => client)).size).toBe(3);
  expect(new Set(flows.map(({ client, clientPort }) => `${client}:${clientPort}`)).size).toBe(flows.length);
});

test("one destination is the service's address, many are inside its prefix", () => {
  expect(generatedTarget(generation())).toEqual({ address: "198.51.100.10", port: 80 });
  const many = generation({ destinations: number("500") });
  expect(generatedTarget(many)).toEqual({ address: "198.18.0.0/15", port: 80 });
  const addresses = new Set([...generateFlows(many)].map(({ destination }) => destination));
  expect(addresses.size).toBe(500);
  for (const address of addresses) expect(((address >>> 17) << 17) >>> 0).toBe(0xc612_0000);
});
