// Health checks through the data plane: a program of its own at one end of a pair of interfaces, where the packets of
// the checks' sockets come out. It sends them to the server that their address stands for, as the balancer sends a
// client's packets to a server that it has chosen, by the same stations. No connection is opened and nothing counted
// for the service: a check is no client. Always tc: sockets leave checksums and segments to be made.

import {
  choose,
  drop,
  guard,
  type Int,
  leave,
  type Packet,
  pass,
  type ProgramDefinition,
  type Reference,
  tc,
  u32,
  type Verdict,
  when,
} from "@yardmaster/ebpf";
import { copyAddress, isSameAddress } from "../address.ts";
import { currentTick } from "../clock.ts";
import { countVerdict } from "../count-verdict.ts";
import { destinationFlags } from "../destination.ts";
import { families, type Family } from "../family.ts";
import { wrapAt, wrapping } from "../forward/encapsulate/wrap.ts";
import { clientSlot } from "../forward/client-hop.ts";
import { translate } from "../forward/translate.ts";
import { tun } from "../forward/tun.ts";
import { etherTypes, networkHeader } from "../network-header.ts";
import { resolve } from "../next-hop.ts";
import { type Frame, lengthOnWire, type Parsed, parseFrame, parseTransport, READ_AHEAD } from "../parse.ts";
import { reasons } from "../reasons.ts";
import { commonFunctions } from "../road.ts";
import { type BalancerMaps, PROBE_HOPS } from "../schema.ts";
import { type BalancerShape, hasFeature } from "../shape.ts";
import { transmit } from "../transmit.ts";
import type { SendingRoad } from "../sending.ts";
type ProbeReference = Reference<Family["Probe"]["fields"]>;

/** Seconds that an exchange is remembered after its last packet to the server: longer than checks wait. */
const PROBE_SECONDS = 60;

/** The program for a shape, on the maps of its balancer. */
export function prober(maps: BalancerMaps, balancerShape: BalancerShape): ProgramDefinition {
  const shape: BalancerShape = { ...balancerShape, hook: "tc" };
  const { askRouting, sendTagged } = commonFunctions(maps, shape);
  const roads = shape.families.map((name): SendingRoad => {
    const family = families[name];
    return { maps, shape, family, askRouting, sendTagged, wrap: wrapping(maps, shape, family) };
  });
  const body = (packet: Packet): Verdict => {
    packet.makeReadable(READ_AHEAD);
    const frame = parseFrame(packet, shape);
    for (const road of roads) {
      when(frame.type.eq(etherTypes[road.family.name]), () => sendProbe(road, frame));
    }
    return pass(reasons.otherProtocol);
  };
  return tc("yardmaster_via", body, { count: (reason) => countVerdict(maps, reason) });
}

/** The road of a check's packet, to its end. */
function sendProbe(road: SendingRoad, frame: Frame): void {
  const { maps, shape, family } = road;
  const { packet, networkOffset } = frame;
  // What is passed from here the machine would route here again, until its hops are used up.
  const network = networkHeader(family, packet, networkOffset, () => leave(drop(reasons.checkFragment)));
  // The sockets' address is in this map, too: what anybody else sends here, such as a server long after its check was
  // over, must not go to a server, whose answer would come here again.
  maps[family.name].probes.lookup({ address: network.source }).orDrop(reasons.checkUnknown);
  const parsed = parseTransport(frame, network, () => leave(drop(reasons.checkUnknown)));
  const now = currentTick(maps, shape);
  const probe = maps[family.name].probes.lookup({ address: network.destination }).orDrop(reasons.checkUnknown);
  const { server, source, destination, port } = probe;
  remember(road, parsed, probe, now);
  const isTunnel = () => server.method.eq(tun.code);
  const hasTunnels = shape.methods.includes("tun");
  if (hasTunnels) {
    when(isTunnel(), () => guard(server.tunnelSource.at(0).ne(0)).orDrop(reasons.noTunnelSource));
  }
  const change = (): void => {
    const ends = {
      source: { address: source, port: parsed.ports.source },
      destination: { address: destination, port },
    };
    translate(parsed, ends);
    if (!hasTunnels) return;
    when(isTunnel(), () => {
      // What is yet to be brought up to date is found where it is now.
      packet.settle();
      road.wrap({ packet, destination: server, at: wrapAt(networkOffset, u32(0)) });
    });
  };
  const known = maps.probeHops.lookup(clientSlot(server.address, PROBE_HOPS)).orDrop(reasons.internal);
  const { hop } = known;
  const way = {
    // Of the server's family, as the way is.
    ...{ target: server.address, source: server.tunnelSource, hop },
    isOther: isSameAddress(known.address, server.address).not(),
    ...(hasFeature(shape, "mixedFamilies") && {
      version: choose(server.flags.and(destinationFlags.isIpv6).ne(0), u32(6), u32(4)),
    }),
  };
  resolve(road, parsed, way, now, { unresolved: () => leave(drop(reasons.noRoute)), change });
  copyAddress(known.address, server.address);
  guard(lengthOnWire(parsed).add(server.overhead).le(hop.mtu)).orDrop(reasons.checkExceedsMtu);
  guard(network.hops.gt(1)).orDrop(reasons.timeToLiveExceeded);
  network.decrementHops();
  change();
  leave(transmit(road, parsed, hop));
}

/** Has the balancer know the server's answer for this check's. */
function remember({ maps, family }: SendingRoad, parsed: Parsed, probe: ProbeReference, now: Int<"u32">): void {
  const { network, ports, protocol } = parsed;
  const answer = {
    source: probe.destination,
    destination: probe.source,
    sourcePort: probe.port,
    destinationPort: ports.source,
    protocol: protocol.toU32(),
  };
  maps[family.name].probeFlows.update(answer, {
    client: network.source,
    probe: network.destination,
    clientPort: ports.source,
    probePort: ports.destination,
    expiresAt: now.add(maps.settings.value.ticksPerSecond.mul(PROBE_SECONDS)),
  });
}
