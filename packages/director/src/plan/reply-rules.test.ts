// A rule stands for a server's replies exactly where they cannot belong to two services.
import { expect, test } from "vitest";
import type { Destination, VirtualService } from "../model/virtual-service.ts";
import { destinationsWithRule } from "./reply-rules.ts";

const server = (address: string, rest: Partial<Destination> = {}): Destination => ({
  ...{ address, port: 8080, weight: 1, forwarding: "nat" },
  ...rest,
});
const service = (name: string, servers: Destination[], rest: Partial<VirtualService> = {}): VirtualService => ({
  ...{ name, address: "198.51.100.10", port: 80, protocol: "tcp", scheduler: "rr", forwarding: "nat", servers },
  ...rest,
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
