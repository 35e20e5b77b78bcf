// Every state and every packet, also those that no sequence of packets leads to: the state is put into the table by
// hand. What must come of it is the reference's.

import type { BpfHost, BpfMap } from "@yardmaster/ebpf";
import { describe, expect, test } from "vitest";
import { ACTIVE_STATES, type MethodName, readLife, states, type TransitionRules } from "../../src/index.ts";
import { Balancer } from "../harness.ts";
import { arriving, fromServer } from "../packets/scenario.ts";
import { type Wire, wires } from "../packets/wire.ts";
import { TICKS_PER_SECOND } from "../plan.ts";
import { after, type Direction, ORDER, SECONDS } from "../reference/tcp-machine.ts";
import type { ConnectionValue, FlowValue } from "../views.ts";
import { assertCountsAreExact } from "./exact.ts";

/** Every event, some by several flags; and the flags that make none. */
const flags = ["S", "SA", "SF", "F", "FA", "A", "PA", "R", "RA", "SR", "RF", "", "P", "U"] as const;
const BITS: Readonly<Record<string, number>> = { F: 1, S: 2, R: 4, P: 8, A: 16, U: 32 };
const bitsOf = (text: string): number => [...text].reduce((sum, letter) => sum | (BITS[letter] ?? 0), 0);

const directions = [
  ["nat", "in"],
  ["nat", "out"],
  ["dr", "in-only"],
] as const;
const ways: readonly (readonly [TransitionRules, MethodName, Direction])[] = (["normal", "secure"] as const).flatMap(
  (rules) => directions.map(([method, direction]) => [rules, method, direction] as const),
);

/** Registers the tests, on any host. */
export function describeTransitions(createHost: () => BpfHost): void {
  describe.each(wires)("over $family", (wire) => {
    test.each(ways)("%s rules, by %s, %s: every packet in every state", (rules, method, direction) => {
      const destinations = [{ address: wire.servers[0], method }];
      using balancer = new Balancer(createHost(), {
        services: [{ address: wire.vip, port: 80, destinations }],
        clients: [wire.clients[0]],
        settings: { rules },
      });
      balancer.send(wire.tcpFrame(arriving));
      for (const [number, state] of ORDER.entries()) {
        for (const text of flags) {
          put(balancer, wire, number);
          balancer.send(packet(wire, direction, text));
          const next = after(state, direction, bitsOf(text), rules);
          const [found] = balancer.connections();
          const seen = { state: ORDER[found?.state ?? 0], expiresAt: found?.expiresAt };
          const expected = { state: next, expiresAt: balancer.now + SECONDS[next] * TICKS_PER_SECOND };
          expect(seen, `${state} and ${text || "no flags"}`).toEqual(expected);
          assertCountsAreExact(balancer);
        }
      }
    });
  });
}

function packet({ tcpFrame, clients, servers }: Wire, direction: Direction, text: string): Uint8Array {
  if (direction !== "out") return tcpFrame(arriving, {}, { flags: text });
  const ip = { source: servers[0], destination: clients[0] };
  return tcpFrame(fromServer, ip, { sourcePort: 80, destinationPort: 40000, flags: text });
}

/** Puts the one connection into a state, half way to its end, and counts it so. */
function put(balancer: Balancer, { family }: Wire, state: number): void {
  const connections = balancer.map(balancer.maps[family].connections) as unknown as BpfMap<FlowValue, ConnectionValue>;
  const [entry] = [...connections.entries()];
  if (entry === undefined) throw new Error("the connection has gone");
  const [flow, connection] = entry;
  const life = (BigInt(state) << 32n) | BigInt(balancer.now + 5 * TICKS_PER_SECOND);
  expect(readLife(connection.life).state).not.toBe(states.CLAIMED);
  connections.update(flow, { ...connection, life });
  const loads = balancer.map(balancer.maps.loads);
  const load = loads.lookup(0);
  if (load === undefined) throw new Error("there is no destination");
  loads.update(0, { ...load, connections: (ACTIVE_STATES >> state) & 1 ? 1n << 32n : 1n });
}
