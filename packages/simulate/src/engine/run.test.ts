// Runs of the engine: counts that are right at any time, what schedulers are known to do, the same each time.
import { schedulers } from "@yardmaster/dataplane";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { OptionTexts } from "../settings/options.ts";
import { prepareSimulation } from "../simulation.ts";
import { play, Run } from "./run.ts";

const names = Object.keys(schedulers) as (keyof typeof schedulers)[];
const small: OptionTexts = {
  servers: "2x weight=1, weight=2 speed=2",
  rate: "20/s",
  duration: "20s",
  connections: "70% exponential 300ms, 30% pareto 8s",
  clients: "30 zipf",
};

function given(texts: OptionTexts, scheduler: keyof typeof schedulers): readonly number[] {
  return play(prepareSimulation(texts), scheduler).servers.map(({ connections }) => connections.at(-1) ?? 0);
}

describe("counts", () => {
  test("equal the connection table's recount at any time", () => {
    const arbitrary = fc.record({
      scheduler: fc.constantFrom(...names),
      protocol: fc.constantFrom("tcp", "udp"),
      forwarding: fc.constantFrom("dr", "nat"),
      compatibility: fc.constantFrom("none", "ipvs"),
      seed: fc.nat(1_000).map(String),
      // Beyond LVS's timeouts, so that connections leave the table too.
      duration: fc.constantFrom("10s", "200s"),
      rate: fc.constantFrom("2/s", "5/s"),
    });
    fc.assert(
      fc.property(arbitrary, ({ scheduler, ...texts }) => {
        using run = new Run(prepareSimulation({ ...small, ...texts }), scheduler);
        for (let event = 0; run.step(); event++) {
          if (event % 40 === 0) expect(run.director.counts()).toEqual(run.director.recount());
        }
        run.finish();
      }),
      { numRuns: 12 },
    );
  });

  test.each(["dr", "nat"])("active connections under %s are those that servers have themselves", (forwarding) => {
    const { servers } = play(prepareSimulation({ ...small, forwarding }), "wlc");
    for (const { active, open } of servers) expect(active).toEqual(open);
    expect(servers.some(({ open }) => Math.max(...open) > 3)).toBe(true);
  });

  test("of udp the director has no active ones, whatever servers have", () => {
    const { servers } = play(prepareSimulation({ ...small, protocol: "udp" }), "rr");
    for (const { active, inactive, open } of servers) {
      expect(Math.max(...active)).toBe(0);
      expect(Math.max(...open)).toBeGreaterThan(0);
      expect(Math.max(...inactive)).toBeGreaterThan(0);
    }
  });

  test("all that came was given to a server, and ended", () => {
    const simulation = prepareSimulation({ ...small, warmUp: "1ms" });
    const { servers, lasted, refused, broken, unforwarded } = play(simulation, "rr");
    const flows = [...simulation.workload.flows()];
    expect(servers.reduce((sum, { connections }) => sum + (connections.at(-1) ?? 0), 0)).toBe(flows.length);
    expect(lasted).toHaveLength(flows.length);
    expect({ refused, broken, unforwarded }).toEqual({ refused: 0, broken: 0, unforwarded: [] });
  });
});

describe("schedulers as they are known", () => {
  test("rr gives each the same, wrr as much as the weights say", () => {
    const [a = 0, b = 0, c = 0] = given(small, "rr");
    expect(Math.max(a, b, c) - Math.min(a, b, c)).toBeLessThanOrEqual(1);
    const [x = 0, y = 0, z = 0] = given(small, "wrr");
    expect(Math.abs(z - (x + y))).toBeLessThanOrEqual(3);
  });

  test("sh sends a client to the same server each time", () => {
    const simulation = prepareSimulation({ ...small, clients: "1" });
    const { servers } = play(simulation, "sh");
    expect(servers.filter(({ connections }) => connections.at(-1) !== 0)).toHaveLength(1);
  });

  test("sh-port tells a client's connections apart, and leaves schedulers alone that do not know it", () => {
    const texts = { ...small, clients: "1", scheduler: "sh,rr", schedulerOptions: "sh-port" };
    for (const scheduler of ["sh", "rr"] as const) expect(Math.min(...given(texts, scheduler))).toBeGreaterThan(0);
  });

  test("compatibility with ipvs gives mh IPVS's smaller table, which gives clients other servers", () => {
    const texts = { ...small, clients: "300" };
    expect(given({ ...texts, compatibility: "ipvs" }, "mh")).not.toEqual(given(texts, "mh"));
  });

  test("wlc levels active connections where rr fills the slow server", () => {
    const texts = { ...small, servers: "1x, 1x speed=0.2", connections: "exponential 1s", duration: "60s" };
    const most = (scheduler: "rr" | "wlc") =>
      Math.max(...play(prepareSimulation(texts), scheduler).servers.flatMap(({ active }) => active));
    expect(most("wlc")).toBeLessThan(0.6 * most("rr"));
  });

  test("without a weight above 0 all is refused", () => {
    const { refused, servers, unforwarded } = play(prepareSimulation({ ...small, servers: "2x weight=0" }), "wrr");
    expect(refused).toBeGreaterThan(300);
    expect(unforwarded).toEqual([{ reason: "noDestination", packets: refused }]);
    expect(servers.flatMap(({ connections }) => connections.at(-1))).toEqual([0, 0]);
  });
});

describe("a service of many addresses", () => {
  const many: OptionTexts = { ...small, destinations: "40 zipf", warmUp: "1ms" };

  test.each(["dr", "nat"] as const)("gets all of their connections under %s", (forwarding) => {
    const simulation = prepareSimulation({ ...many, forwarding });
    const { servers, refused, broken, unforwarded } = play(simulation, "wlc");
    const flows = [...simulation.workload.flows()];
    expect(new Set(flows.map(({ destination }) => destination)).size).toBeGreaterThan(10);
    expect(servers.reduce((sum, { connections }) => sum + (connections.at(-1) ?? 0), 0)).toBe(flows.length);
    expect({ refused, broken, unforwarded }).toEqual({ refused: 0, broken: 0, unforwarded: [] });
  });

  test("dh sends an address to the same server each time: its cache has what it is asked for", () => {
    const { servers } = play(prepareSimulation({ ...many, cache: "40" }), "dh");
    const known = servers.reduce((sum, { lookups, hits }) => sum + lookups - hits, 0);
    expect(known).toBeLessThanOrEqual(40);
  });
});

test("a server with an upper threshold has no more connections than that, closed ones included", () => {
  const texts = { ...small, servers: "1x upper=5 lower=3, 1x", rate: "5/s" };
  const [limited, other] = play(prepareSimulation(texts), "rr").servers;
  const most = Math.max(...(limited?.active.map((active, at) => active + (limited.inactive[at] ?? 0)) ?? []));
  expect(most).toBe(5);
  expect(other?.connections.at(-1)).toBeGreaterThan(limited?.connections.at(-1) ?? 0);
});

test.each(names)("the same seed plays the same run of %s", (scheduler) => {
  const texts = { ...small, duration: "5s", cache: "10" };
  expect(play(prepareSimulation(texts), scheduler)).toEqual(play(prepareSimulation(texts), scheduler));
});

test("caches count after the warm-up: sh keeps a client's server warm, rr does not", () => {
  const texts = { ...small, clients: "60", cache: "30", rate: "40/s", duration: "30s" };
  const rates = (["sh", "rr"] as const).map((scheduler) => {
    const { servers } = play(prepareSimulation(texts), scheduler);
    const lookups = servers.reduce((sum, server) => sum + server.lookups, 0);
    return servers.reduce((sum, { hits }) => sum + hits, 0) / lookups;
  });
  expect(rates[0]).toBeGreaterThan(0.8);
  expect(rates[1]).toBeLessThan(0.7);
});
