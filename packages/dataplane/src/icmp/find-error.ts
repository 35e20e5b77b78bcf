// First step of an ICMP packet: what it is, and of an error the connection that it is about. Rules: shared behaviour
// reference §9; ip_vs_in_icmp and ip_vs_out_icmp in net/netfilter/ipvs/ip_vs_core.c.

import { drop, guard, type Int, leave, Packet, u32, verdict, verdictFn, when } from "@yardmaster/ebpf";
import { copyAddress, isSameAddress } from "../address.ts";
import { currentTick } from "../clock.ts";
import type { FamilyName } from "../family.ts";
import { followFlow } from "../follow-flow.ts";
import { Icmp, ICMP_PROTOCOLS } from "../headers.ts";
import { copyConnection } from "../insert.ts";
import type { FlowReference } from "../life.ts";
import { networkHeader } from "../network-header.ts";
import { parseFrame } from "../parse.ts";
import { findProbe } from "../probe/find-probe.ts";
import { reasons } from "../reasons.ts";
import { hasFeature } from "../shape.ts";
import { answerEcho } from "./echo.ts";
import { type QuotedHeader, quotedHeader } from "./quoted-header.ts";
import { whereTo } from "../errand.ts";
import { countPacketOut } from "../forward/counters.ts";
import type { SendingRoad } from "../sending.ts";

/** Errors that belong to connections: unreachable, source quench, time exceeded (RFC 792). */
const IPV4_ERRORS = [3, 4, 11];
/** ICMPv6: types below are errors (RFC 4443 §2.1). */
const FIRST_INFORMATION = 128;

/**
 * The function that is the step: where it is to go, with `connection` a copy of the one that the error is about, or
 * the verdict on a packet whose road ends here.
 */
export function findErrorFunction(road: SendingRoad) {
  const { maps, shape, family } = road;
  const parameters = { packet: Packet, errand: family.Errand, connection: family.Connection };
  return verdictFn(
    `icmp${family.digit}`,
    parameters,
    ({ packet, errand, connection }) => {
      const frame = parseFrame(packet, shape);
      const network = networkHeader(family, packet, frame.networkOffset);
      guard(network.protocol.eq(ICMP_PROTOCOLS[family.name])).orPass(reasons.notTcpOrUdp);
      const icmp = network.payload.fork().read(Icmp).orPass(reasons.truncated);
      guard(network.payloadLength.ge(Icmp.size)).orPass(reasons.malformedIcmp);
      answerEcho(road, frame, network, icmp);
      guard(isError(family.name, icmp.type)).orPass(reasons.notTcpOrUdp);
      const quoted = quotedHeader(family, packet, network);
      // An error is for who sent the packet (RFC 792): whoever forges one need not be helped.
      guard(isSameAddress(network.destination, quoted.source)).orPass(reasons.icmpWithoutConnection);
      keepFlow(errand.flow, quoted);
      const now = currentTick(maps, shape);
      if (hasFeature(shape, "probes")) {
        const { flow, ends } = errand;
        findProbe(maps, family, { flow, now }, ({ client, probe, clientPort, probePort }) => {
          Object.assign(ends, { client, service: probe, clientPort, servicePort: probePort });
          leave(verdict(u32(whereTo.probe)));
        });
      }
      followFlow(road, errand, {
        now,
        missing: reasons.icmpWithoutConnection,
        across: ({ destination }) => {
          countPacketOut(maps, destination, network.length);
          leave(verdict(u32(whereTo.clientAcross)));
        },
        keep: (found) => copyConnection(family, connection, found),
        unknown: () => {
          when(maps.settings.value.scheduleIcmp.ne(0), () => leave(verdict(u32(whereTo.unknown))));
        },
      });
      return drop(reasons.internal);
    },
    { isGlobal: true },
  );
}

function isError(family: FamilyName, type: Int<"u8">) {
  if (family === "ipv6") return type.lt(FIRST_INFORMATION);
  const [first, ...others] = IPV4_ERRORS.map((error) => type.eq(error)) as [ReturnType<typeof type.eq>];
  return others.reduce((any, one) => any.or(one), first);
}

function keepFlow(flow: FlowReference, { source, destination, ports, protocol }: QuotedHeader): void {
  copyAddress(flow.source, destination);
  copyAddress(flow.destination, source);
  flow.sourcePort = ports.destination;
  flow.destinationPort = ports.source;
  flow.protocol = protocol.toU32();
}
