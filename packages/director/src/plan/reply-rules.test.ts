// A rule stands for a server's replies exactly where they cannot belong to two services.
import { expect, test } from "vitest";
import { service as sample } from "../../test/sample.ts";
import type { Destination, VirtualService } from "../model/virtual-service.ts";
import { destinationsWithRule } from "./reply-rules.ts";

const server = (address: string, rest: Partial<Destination> = {}): Destination => ({
  ...{ address, port: 8080, weight: 1, forwarding: "nat", upperThreshold: 0, lowerThreshold: 0 },
  ...rest,
});
/** `servers` themselves: what is asked is about these objects. */
const service = (name: string, servers: Destination[], rest: Parameters<typeof sample>[0] = {}): VirtualService => ({
  ...sample({ name, ...rest, servers: [] }),
  servers,
});

test("a server of one service has a rule, one that two services share has none", () => {
  const [own, shared, sharedToo] = [server("10.0.0.1"), server("10.0.0.2"), server("10.0.0.2")];
  const services = [service("a", [own, shared]), service("b", [sharedToo], { address: "198.51.100.11" })];
  expect([...destinationsWithRule(services)]).toEqual([own]);
});

test("another port, another protocol or direct routing is no sharing", () => {
  const first = server("10.0.0.1");
  const [otherPort, direct] = [server("10.0.0.1", { port: 8081 }), server("10.0.0.1", { forwarding: "dr" })];
  const overUdp = server("10.0.0.1");
  const services = [
    service("a", [first, otherPort]),
    service("b", [direct]),
    service("c", [overUdp], { protocol: "udp" }),
  ];
  expect([...destinationsWithRule(services)]).toEqual([first, otherPort, overUdp]);
});

const wide = (...prefixes: [string, ...string[]]): VirtualService["match"] => ({
  ...{ kind: "wide", prefixes, ports: [{ first: 80, last: 80 }], protocol: "tcp" },
});

test("a server of a wide service has none: its replies may be for any of the addresses", () => {
  expect([...destinationsWithRule([service("a", [server("10.0.0.1")], { match: wide("10.0.0.0/8") })])]).toEqual([]);
});

test("nor has one that a wide service takes too, at the same port or at any", () => {
  const own = server("10.0.0.2");
  const services = [
    service("a", [server("10.0.0.1"), own]),
    service("b", [server("10.0.0.1", { port: 0 })], { match: wide("10.0.0.0/8") }),
    service("c", [server("10.0.0.2", { port: 8081 })], { match: wide("11.0.0.0/8") }),
  ];
  expect([...destinationsWithRule(services)]).toEqual([own]);
});

test("a mark is of both protocols", () => {
  const mark = { kind: "mark", mark: 7, rules: [{ prefix: "10.0.0.0/8", ports: "any", protocols: ["tcp"] }] } as const;
  const services = [
    service("a", [server("10.0.0.1")], { protocol: "udp" }),
    service("b", [server("10.0.0.1", { port: 0 })], { match: mark }),
  ];
  expect([...destinationsWithRule(services)]).toEqual([]);
});
