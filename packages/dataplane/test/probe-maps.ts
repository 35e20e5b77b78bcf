// What the control plane writes for health checks that go through the data plane, in the fewest lines.

import { addressWords } from "@yardmaster/packet";
import { destinationFlags, encapsulations, methods, PROBE_HOPS } from "../src/index.ts";
import { familyOf } from "./compiled.ts";
import { type Balancer, clientSlot } from "./harness.ts";
import { hopValue } from "./map-values.ts";
import { overheadOf, tunnelSources } from "./plan.ts";
import { probeHop, probeMac, type ProbePlan, probeSockets } from "./reference/probes.ts";

/** The interface that answers go into. */
export const BACK = 7;

const padded = (address: string): number[] => [...addressWords(address), 0, 0, 0].slice(0, 4);

/** Makes these the servers that are probed, with the ways to them known. */
export function writeProbes(balancer: Balancer, plans: readonly ProbePlan[]): void {
  const { maps } = balancer;
  const back = { ...probeHop, mac: probeMac, sourceMac: probeMac, ifindex: BACK, mtu: 0xffff };
  balancer.map(maps.probeBack).update(0, hopValue(back, 0));
  for (const family of balancer.shape.families) {
    const { probes } = maps[family];
    const nobody = probes.spec.value.decode(new Uint8Array(probes.spec.value.size));
    balancer.map(probes).update({ address: addressWords(probeSockets[family]) }, nobody);
  }
  for (const { address, server, source, destination } of plans) {
    const record = { server: serverRecord(server, source), source: addressWords(source), reserved: 0 };
    const { probes } = maps[familyOf(address)];
    const to = { destination: addressWords(destination.address), port: destination.port };
    balancer.map(probes).update({ address: addressWords(address) }, { ...record, ...to });
    const hop = { address: padded(server.address), hop: hopValue(probeHop, balancer.now) };
    balancer.map(maps.probeHops).update(clientSlot(server.address, PROBE_HOPS), hop);
  }
}

function serverRecord(server: ProbePlan["server"], from: string) {
  const { address, port = 0, method = "nat", tunnel = {} } = server;
  const { encapsulation = "ipip", hasChecksum, port: tunnelPort = 6080 } = tunnel;
  const isTunnel = method === "tun";
  const outer = tunnel.source === "none" ? [0, 0, 0, 0] : padded(tunnelSources[familyOf(address)]);
  const source = isTunnel ? outer : padded(from);
  const isIpv6 = familyOf(address) === "ipv6" ? destinationFlags.isIpv6 : 0;
  return {
    ...{ address: padded(address), port, method: methods[method].code },
    flags: isIpv6 | (hasChecksum === true ? destinationFlags.tunnelChecksum : 0),
    ...{ service: 0, weight: 1, upperThreshold: 0, lowerThreshold: 0, localPool: 0n, tunnelSource: source },
    encapsulation: isTunnel ? encapsulations[encapsulation].code : 0,
    overhead: overheadOf(server),
    tunnelPort: encapsulation === "gue" ? tunnelPort : 0,
  };
}
