// A flood of SYNs: established connections go on, and the table does not grow beyond the cap.

import type { BpfHost } from "@yardmaster/ebpf";
import { expect, test } from "vitest";
import { Balancer } from "../harness.ts";
import { arriving, fromServer } from "../packets/scenario.ts";
import { wires } from "../packets/wire.ts";
import { TICKS_PER_SECOND } from "../plan.ts";
import { assertCountsAreExact, assertNothingIsLeft } from "./exact.ts";

const CAP = 20;
const KNOWN = 5;
const FLOOD = 300;

/** Registers the tests, on any host. */
export function describeFlood(createHost: () => BpfHost): void {
  test.each(wires)("over $family", ({ family, vip, clients, servers, tcpFrame }) => {
    const destinations = [servers[0], servers[1]].map((address) => ({ address, port: 8080 }));
    const service = { address: vip, port: 80, scheduler: "wlc", destinations, halfOpenMaximum: CAP } as const;
    using balancer = new Balancer(createHost(), { services: [service], clients: [clients[0]], maximumConnections: 64 });
    const known = Array.from({ length: KNOWN }, (_, index) => 50_000 + index);
    for (const sourcePort of known) {
      balancer.send(tcpFrame(arriving, {}, { sourcePort }));
      expect(balancer.send(tcpFrame(arriving, {}, { sourcePort, flags: "A" })).verdict).toBe("tx");
    }
    const attacker = (number: number) =>
      family === "ipv4" ? `192.0.${number >> 8}.${number & 255}` : `2001:db8:bad::${(number + 1).toString(16)}`;
    for (let number = 0; number < FLOOD; number++) {
      const { verdict } = balancer.send(tcpFrame(arriving, { source: attacker(number) }));
      expect(verdict).toBe(number < CAP ? "tx" : "drop");
      const sourcePort = known[number % KNOWN] ?? 0;
      expect(balancer.send(tcpFrame(arriving, {}, { sourcePort, flags: "PA" })).verdict).toBe("tx");
    }
    expect(balancer.connections().length).toBe(CAP + KNOWN);
    expect(balancer.halfOpen()).toEqual([CAP]);
    expect(balancer.verdicts()).toEqual({ tooManyHalfOpen: FLOOD - CAP });
    assertCountsAreExact(balancer);
    for (const connection of balancer.connections().filter(({ client }) => client.endsWith(":50000"))) {
      const server = destinations[connection.destination]?.address ?? "";
      const back = { sourcePort: 8080, destinationPort: 50_000, flags: "A" };
      expect(balancer.send(tcpFrame(fromServer, { source: server, destination: clients[0] }, back)).verdict).toBe("tx");
    }
    // The flood is over: what it left is gone within its minute.
    balancer.advance(60 * TICKS_PER_SECOND);
    expect(balancer.reap()).toBe(CAP);
    expect(balancer.send(tcpFrame(arriving)).verdict).toBe("tx");
    assertNothingIsLeft(balancer);
  });
}
