// Packets that come while connections are still being copied from the program before: those of a connection that is
// there go on, those that might have one in the rest wait, and what is the machine's own is left alone.

import { arriving, fromServer, natPlan, type PacketScenario, type PacketStep, toServer } from "./scenario.ts";
import type { Wire } from "./wire.ts";

/** Until when they wait, and when it is: ticks. */
const UNTIL = 2000;
const NOW = 1000;

/** They, over one family. */
export function ofHeld(wire: Wire): readonly PacketScenario[] {
  const [client] = wire.clients;
  const [server] = wire.servers;
  const shape = { features: ["holdsUnknown"] } as const;
  // Programs that are shared with other tests have full NAT compiled in, too.
  const localPorts = { first: 1024, count: 100 };
  const plan = natPlan(wire, {}, { shape, localPorts, now: NOW, settings: { holdUntil: UNTIL } });
  const scenario = (name: string, steps: readonly PacketStep[], of = plan): PacketScenario => ({
    name: `while connections are copied ${name}`,
    plan: of,
    steps,
  });
  const waits = (packet: Uint8Array): PacketStep => ({ in: packet, verdict: "drop", reason: "held" });
  const passes = (packet: Uint8Array): PacketStep => ({ in: packet, verdict: "pass", reason: "noService" });
  const opening: PacketStep = {
    in: wire.tcpFrame(arriving),
    verdict: "tx",
    out: wire.tcpFrame(toServer, { destination: server, ttl: 63 }, { destinationPort: 8080 }),
  };
  const reply = (ports: object) =>
    wire.tcpFrame(
      fromServer,
      { source: server, destination: client },
      { sourcePort: 8080, destinationPort: 40000, flags: "SA", ...ports },
    );
  const local = { destinations: [{ address: server, port: 8080, method: "fullnat" as const }] };
  const ofFullNat = natPlan(wire, local, { shape, localPorts, now: NOW, settings: { holdUntil: UNTIL } });
  const towards = (destinationPort: number) =>
    wire.tcpFrame(fromServer, { source: server, destination: client }, { sourcePort: 9, destinationPort, flags: "A" });
  return [
    scenario("a SYN waits, and any other packet for the service", [
      waits(wire.tcpFrame(arriving)),
      waits(wire.tcpFrame(arriving, {}, { flags: "A" })),
    ]),
    scenario("a server's packet waits, a reset too; one from another port of it does not", [
      waits(reply({})),
      waits(reply({ flags: "R" })),
      passes(reply({ sourcePort: 8081 })),
    ]),
    scenario("what is for no service is left alone", [
      passes(wire.tcpFrame(arriving, {}, { destinationPort: 22 })),
      passes(wire.tcpFrame(arriving, { destination: server })),
    ]),
    scenario("a port waits that full NAT may have given out", [waits(towards(1024)), waits(towards(1123))], ofFullNat),
    scenario("others do not", [passes(towards(1023)), passes(towards(1124))], ofFullNat),
    scenario("the time comes when nothing waits any more", [
      waits(wire.tcpFrame(arriving)),
      { after: 1001, ...opening },
    ]),
    scenario("a program that copies nothing knows nothing of it", [opening], { ...plan, shape: { features: [] } }),
  ];
}
