// Which first fragments take room in the table of those: only those of connections, so that nobody fills it with
// others.

import { createMemoryHost } from "@yardmaster/ebpf/vm";
import { type EthernetFields, fragmentFrame } from "@yardmaster/packet";
import { describe, expect, test } from "vitest";
import { Balancer } from "./harness.ts";
import { arriving, fromServer, natPlan } from "./packets/scenario.ts";
import { wires } from "./packets/wire.ts";

describe.each(wires)("over $family", (wire) => {
  const first = (
    macs: EthernetFields,
    ends: Partial<Record<"source" | "destination", string>>,
    ports: object,
  ): Uint8Array => {
    const ip = { ...ends, ...(wire.family === "ipv4" && { identification: 7 }) };
    return fragmentFrame(wire.udpFrame(macs, ip, ports, new Uint8Array(1200)), 600, 7)[0] as Uint8Array;
  };

  test("first fragments are remembered if they have a connection", () => {
    using balancer = new Balancer(createMemoryHost(), natPlan(wire, { protocol: "udp" }));
    const known = () => [...balancer.map(balancer.maps[wire.family].fragments).entries()].length;
    const [server] = wire.servers;
    const [client] = wire.clients;
    const answer = { source: server, destination: client };
    balancer.send(first(arriving, { destination: wire.otherVip }, {}));
    balancer.send(first(arriving, {}, { destinationPort: 54 }));
    balancer.send(first(fromServer, answer, { sourcePort: 5353, destinationPort: 40000 }));
    expect(known()).toBe(0);
    balancer.send(first(arriving, {}, {}));
    expect(known()).toBe(1);
    balancer.send(first(fromServer, answer, { sourcePort: 5353, destinationPort: 40000 }));
    expect(known()).toBe(2);
  });
});
