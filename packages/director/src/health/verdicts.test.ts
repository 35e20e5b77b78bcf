// What follows from which servers are up.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { DownAction } from "../model/check.ts";
import type { Destination, VirtualService } from "../model/virtual-service.ts";
import { verdictsOf } from "./verdicts.ts";

const member = { port: 80, forwarding: "dr", upperThreshold: 0, lowerThreshold: 0 } as const;

function server(last: number, weight = 1): Destination {
  return { ...member, address: `10.0.0.${last}`, weight };
}

const sorry: Destination = { ...server(99, 0), isSorry: true };

function service(servers: readonly Destination[], quorum = 1, onDown: DownAction = "drain"): VirtualService {
  return {
    ...{ name: "web", match: { kind: "exact", address: "198.51.100.10", port: 80, protocol: "tcp" } },
    ...{ scheduler: "wlc", schedulerOptions: [], tableSize: undefined, forwarding: "dr", persistence: undefined },
    ...{ onePacket: false, caps: { newPerSecond: 0, halfOpen: 0 }, servers },
    health: { checks: [], onDown, quorum },
  };
}

function verdicts(of: VirtualService, down: readonly number[]) {
  const { isQuorate, overrides } = verdictsOf(of, (endpoint) => !down.some((last) => endpoint === `10.0.0.${last}:80`));
  const said = [...overrides].map(([endpoint, override]) => [endpoint.replace(/^10\.0\.0\.(\d+):80$/, "$1"), override]);
  return { isQuorate, ...Object.fromEntries(said) } as Record<string, unknown>;
}

describe("verdicts", () => {
  test("a server that is down gets no new connections, or is taken out", () => {
    const both = [server(1), server(2)];
    expect(verdicts(service(both), [2])).toEqual({ isQuorate: true, 1: undefined, 2: { weight: 0, isDown: true } });
    expect(verdicts(service(both, 1, "cut"), [2])).toEqual({ isQuorate: true, 1: undefined, 2: { isOut: true } });
  });

  test("with too few up the sorry server gets all new connections", () => {
    const all = [server(1), server(2), sorry];
    expect(verdicts(service(all, 2), [])).toEqual({ isQuorate: true, 1: undefined, 2: undefined, 99: undefined });
    expect(verdicts(service(all, 2), [2])).toEqual({
      ...{ isQuorate: false, 1: { weight: 0 } },
      ...{ 2: { weight: 0, isDown: true }, 99: { weight: 1 } },
    });
  });

  test("without a sorry server those that are up go on", () => {
    expect(verdicts(service([server(1), server(2)], 2), [2])).toEqual({
      ...{ isQuorate: false, 1: undefined },
      2: { weight: 0, isDown: true },
    });
  });

  test("the quorum is of weights; who is quiesced by hand does not count", () => {
    expect(verdicts(service([server(1, 0), server(2, 3), sorry], 3), [])).toMatchObject({ isQuorate: true });
    expect(verdicts(service([server(1, 0), server(2, 3), sorry], 3), [2])).toMatchObject({ 99: { weight: 1 } });
  });

  test("where nothing is checked, nothing follows", () => {
    const { health: _, ...unchecked } = service([server(1), sorry]);
    expect(verdicts(unchecked, [1])).toEqual({ isQuorate: true, 1: undefined, 99: undefined });
  });

  test("whoever is up: the sorry server answers just when too little weight is up, and nobody but it then", () => {
    const plans = fc.record({
      weights: fc.array(fc.nat(3), { minLength: 1, maxLength: 6 }),
      down: fc.array(fc.integer({ min: 1, max: 6 })),
      quorum: fc.integer({ min: 1, max: 12 }),
      onDown: fc.constantFrom<DownAction>("drain", "cut"),
    });
    fc.assert(
      fc.property(plans, ({ weights, down, quorum, onDown }) => {
        const servers = weights.map((weight, at) => server(at + 1, weight));
        const said = verdicts(service([...servers, sorry], quorum, onDown), down);
        const weight = weights.reduce((sum, each, at) => (down.includes(at + 1) ? sum : sum + each), 0);
        expect(said["isQuorate"]).toBe(weight >= quorum);
        expect(said["99"]).toEqual(weight >= quorum ? undefined : { weight: 1 });
        for (const at of weights.keys()) {
          const isTaken = said[String(at + 1)] !== undefined;
          expect(isTaken).toBe(down.includes(at + 1) || weight < quorum);
        }
      }),
    );
  });
});
