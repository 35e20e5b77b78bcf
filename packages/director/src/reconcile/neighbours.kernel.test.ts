// Next hops on a real cable: asked for, but never at the price of what somebody set by hand.
import { execFileSync } from "node:child_process";
import { listNeighbours } from "@yardmaster/linux";
import { expect, test } from "vitest";
import { createDirectorNetwork } from "../../test/director-network.ts";
import { describeKernel } from "../../test/kernel-test.ts";
import { NextHops } from "./neighbours.ts";

describeKernel("next hops", () => {
  test("unknown ones are asked for, permanent ones are kept, each problem is reported once", askAndReport);
});

function askAndReport(): void {
  using network = createDirectorNetwork();
  const ip = (...args: readonly string[]): void => void execFileSync("ip", ["-n", network.name, ...args]);
  ip("neigh", "add", "10.0.0.11", "lladdr", "02:00:00:00:00:11", "dev", "back", "nud", "permanent");
  const lines: string[] = [];
  const addresses = ["10.0.0.11", "10.0.0.12", "192.0.2.1"];
  const hops = network.enter(() => new NextHops(addresses, (line) => lines.push(line)));
  const round = () => network.enter(() => [...hops.resolve(() => 0)]);
  round();
  const states = network.enter(listNeighbours).map(({ address, state }) => [address, state]);
  expect(states).toContainEqual(["10.0.0.11", "permanent"]);
  expect(states).toContainEqual(["10.0.0.12", "incomplete"]);
  expect(lines).toEqual(["192.0.2.1: no route (ENETUNREACH)"]);

  ip("route", "add", "default", "via", "10.0.0.253");
  round();
  expect(network.enter(listNeighbours).map(({ address }) => address)).toContain("10.0.0.253");
  ip("route", "del", "default");
  ip("route", "add", "192.0.2.0/24", "via", "10.0.0.254");
  round();
  expect(lines.slice(1)).toEqual(["192.0.2.1: has a route again"]);
  expect(network.enter(listNeighbours).map(({ address }) => address)).toContain("10.0.0.254");
}
