// ICMP errors about packets of no connection, where IPVS's schedule_icmp is on.

import { type IcmpFields, tcp } from "@yardmaster/packet";
import { dr, error, flowsOf, type Kind, nat, quote } from "./icmp-kinds.ts";
import {
  arriving,
  directPlan,
  fromServer,
  natPlan,
  type PacketScenario,
  type PacketStep,
  toClient,
  toServer,
} from "./scenario.ts";

/** IPVS's schedule_icmp: an error about no connection opens the one of its flow. */
export function scheduledErrors(kind: Kind): readonly PacketScenario[] {
  const { wire, routers } = kind;
  const { request, reply, translatedReply, translatedRequest } = flowsOf(kind);
  const [server] = wire.servers;
  const fields = Object.values(kind.errors)[1] as IcmpFields;
  const outside = { source: routers.outside, destination: wire.vip };
  const about = quote(kind, reply, [53, 40000]);
  const came = error(kind, arriving, outside, fields, about);
  const toNat = error(
    kind,
    toServer,
    { ...outside, destination: server },
    fields,
    quote(kind, translatedReply, [5353, 40000]),
    63,
  );
  const settings = { scheduleIcmp: true };
  const passes = (packet: Uint8Array): PacketStep => ({ in: packet, verdict: "pass", reason: "icmpWithoutConnection" });
  const isTcp = { header: kind.header(reply, 50), part: tcp({ sourcePort: 80, destinationPort: 40000, flags: "A" }) };
  const aboutTcp = error(kind, arriving, outside, fields, [isTcp.header, isTcp.part]);
  return [
    {
      name: "nat, schedule_icmp: an error about no connection is scheduled and translated, and opens it for 3 seconds",
      plan: nat(kind, { settings }),
      steps: [
        { in: came, verdict: "tx", out: toNat },
        // A server's answer finds it.
        {
          in: wire.udpFrame(fromServer, translatedReply, { sourcePort: 5353, destinationPort: 40000 }),
          verdict: "tx",
          out: wire.udpFrame(toClient, { ...reply, ttl: 63 }, { sourcePort: 53, destinationPort: 40000 }),
        },
      ],
    },
    {
      name: "nat, schedule_icmp: after 3 seconds without a packet it is gone",
      plan: nat(kind, { settings }),
      steps: [
        { in: came, verdict: "tx", out: toNat },
        {
          in: error(
            kind,
            fromServer,
            { source: routers.inside, destination: request.source },
            fields,
            quote(kind, translatedRequest, [40000, 5353]),
          ),
          verdict: "pass",
          reason: "icmpWithoutConnection",
          after: 3 * 250,
        },
      ],
    },
    {
      name: "dr, schedule_icmp: an error about no connection goes to a server as it is",
      plan: { ...dr(kind), settings },
      steps: [{ in: came, verdict: "tx", out: error(kind, toServer, outside, fields, about, 63) }],
    },
    {
      name: "dr, schedule_icmp: an error about a TCP packet without SYN opens its connection, too",
      plan: directPlan(wire, {}, { settings }),
      steps: [
        {
          in: aboutTcp,
          verdict: "tx",
          out: error(kind, toServer, outside, fields, [isTcp.header, isTcp.part], 63),
        },
      ],
    },
    {
      name: "schedule_icmp: an error about the flow of no service passes",
      plan: nat(kind, { settings }),
      steps: [passes(error(kind, arriving, outside, fields, quote(kind, reply, [54, 40000])))],
    },
    {
      name: "schedule_icmp: where there is no server, an error is not answered by another",
      plan: natPlan(
        wire,
        { protocol: "udp", destinations: [{ address: server, port: 5353, weight: 0 }] },
        { settings: { ...settings, refusesByIcmp: true } },
      ),
      steps: [{ in: came, verdict: "drop", reason: "silentRefusal" }],
    },
  ];
}
