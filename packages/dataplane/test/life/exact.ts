// What holds at any moment, whatever happened: every count equals a recount of the tables; and in the end all are zero.

import { expect } from "vitest";
import { hasFeature, states } from "../../src/index.ts";
import type { Balancer } from "../harness.ts";
import { recount, recountControlled, recountHalfOpen, recountTemplates } from "../views.ts";

/** Compares all counts of a balancer that nobody uses at the moment with what its tables hold. */
export function assertCountsAreExact(balancer: Balancer): void {
  const connections = balancer.connections();
  const loads = balancer.loads();
  const counts = loads.map(({ active, inactive }) => ({ active, inactive }));
  expect(counts, "active and inactive").toEqual(recount(connections, loads.length));
  expect(connections.map(({ state }) => state)).not.toContain(states.CLAIMED);
  assertLocalPortsAreExact(balancer);
  const { serviceOf } = balancer.tables;
  const services = balancer.plan.services.length;
  if (hasFeature(balancer.shape, "caps")) {
    expect(balancer.halfOpen(), "half open").toEqual(recountHalfOpen(connections, serviceOf, services));
  }
  const templates = balancer.templates();
  expect(balancer.templateCounts(), "templates").toEqual(recountTemplates(templates, loads.length));
  expect(templates.map(({ state }) => state)).not.toContain(states.CLAIMED);
  const controlled = templates.map((template) => template.controlled);
  expect(controlled, "connections under templates").toEqual(recountControlled(connections, templates));
}

/** Each connection of full NAT has one local end, and no local end is taken without one. */
function assertLocalPortsAreExact(balancer: Balancer): void {
  const destinations = balancer.plan.services.flatMap((service) => service.destinations);
  const local = balancer.connections().filter(({ destination }) => destinations[destination]?.method === "fullnat");
  type Ends = { readonly client: string; readonly service: string; readonly protocol: number };
  const text = ({ client, service, protocol }: Ends) => `${protocol} ${client} ${service}`;
  expect(balancer.localFlows().map(text).sort(), "local ends").toEqual(local.map(text).sort());
}

/** Lets all time out, runs the reaper, and sees that nothing is left and nothing counted. */
export function assertNothingIsLeft(balancer: Balancer): void {
  balancer.advance(1_000_000);
  balancer.reap();
  balancer.reapTemplates();
  expect([...balancer.connections(), ...balancer.templates()]).toEqual([]);
  expect(balancer.replyEntries()).toBe(0);
  expect(balancer.localFlows()).toEqual([]);
  for (const { active, inactive } of balancer.loads()) expect([active, inactive]).toEqual([0, 0]);
  for (const counts of [balancer.templateCounts(), balancer.halfOpen()])
    expect(counts.every((n) => n === 0)).toBe(true);
}
