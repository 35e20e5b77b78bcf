// Packets of nat servers that belong to no connection, where IPVS's nat_icmp_send is on, and where it is not.

import { macBytes } from "@yardmaster/packet";
import { tunnelSources } from "../plan.ts";
import { icmpError } from "../reference/icmp-error.ts";
import { arriving, fromServer, natPlan, type PacketScenario, type PacketStep, toClient, toServer } from "./scenario.ts";
import type { Wire } from "./wire.ts";

/** Strays over one family. */
export function ofStrays(wire: Wire): readonly PacketScenario[] {
  const [client] = wire.clients;
  const [server] = wire.servers;
  const settings = { natIcmpSend: true };
  const ends = { source: server, destination: client };
  const ports = { sourcePort: 8080, destinationPort: 40000 };
  const acknowledgement = wire.tcpFrame(fromServer, ends, { ...ports, flags: "A" });
  // The way to the server is by routing, as that to a client is.
  const plan = natPlan(wire, {}, { settings, clients: [client, server] });
  const quoted = wire.tcpFrame(fromServer, { ...ends, ttl: 63 }, { ...ports, flags: "A" });
  const from = tunnelSources[wire.family];
  const error = icmpError(quoted.subarray(0, 14), quoted.subarray(14), "portUnreachable", 0, from);
  const told: PacketStep = { in: acknowledgement, verdict: "tx", out: withMacs(error) };
  const passes = (packet: Uint8Array): PacketStep => ({ in: packet, verdict: "pass", reason: "noService" });
  const scenario = (name: string, steps: readonly PacketStep[], of = plan): PacketScenario => ({
    name,
    plan: of,
    steps,
  });
  const udpPlan = natPlan(wire, { protocol: "udp" }, { settings, clients: [client, server] });
  const udpPorts = { sourcePort: 5353, destinationPort: 40000 };
  const datagram = wire.udpFrame(fromServer, { ...ends, ttl: 63 }, udpPorts);
  const udpError = icmpError(datagram.subarray(0, 14), datagram.subarray(14), "portUnreachable", 0, from);
  return [
    scenario("nat_icmp_send: a server's packet of no connection is answered, from the director's address", [told]),
    scenario(
      "nat_icmp_send: so is a datagram",
      [{ in: wire.udpFrame(fromServer, ends, udpPorts), verdict: "tx", out: withMacs(udpError) }],
      udpPlan,
    ),
    scenario(
      "without nat_icmp_send it passes",
      [passes(acknowledgement)],
      natPlan(wire, {}, { clients: [client, server] }),
    ),
    scenario("nat_icmp_send: a reset passes", [passes(wire.tcpFrame(fromServer, ends, { ...ports, flags: "R" }))]),
    scenario("nat_icmp_send: a packet from another port of the server passes", [
      passes(wire.tcpFrame(fromServer, ends, { ...ports, sourcePort: 8081, flags: "A" })),
    ]),
    scenario("nat_icmp_send: a packet of the other protocol passes", [passes(wire.udpFrame(fromServer, ends, ports))]),
    scenario("nat_icmp_send: a packet on its last hop is the stack's", [
      passes(wire.tcpFrame(fromServer, { ...ends, ttl: 1 }, { ...ports, flags: "A" })),
    ]),
    scenario(
      "nat_icmp_send: there are no more answers than may be",
      [told, { in: acknowledgement, verdict: "drop", reason: "tooManyAnswers" }],
      { ...plan, settings: { ...settings, answersPerSecond: 1 } },
    ),
    scenario("nat_icmp_send: a reply of a connection is translated", [
      {
        in: wire.tcpFrame(arriving),
        verdict: "tx",
        out: wire.tcpFrame(toServer, { destination: server, ttl: 63 }, { destinationPort: 8080 }),
      },
      {
        in: wire.tcpFrame(fromServer, ends, { ...ports, flags: "SA" }),
        verdict: "tx",
        out: wire.tcpFrame(
          toClient,
          { source: wire.vip, destination: client, ttl: 63 },
          { sourcePort: 80, destinationPort: 40000, flags: "SA" },
        ),
      },
    ]),
  ];
}

/** The frame on its way by the director's next hop. */
function withMacs(bytes: Uint8Array): Uint8Array {
  return Uint8Array.of(...macBytes(toClient.destination), ...macBytes(toClient.source), ...bytes.subarray(12));
}
