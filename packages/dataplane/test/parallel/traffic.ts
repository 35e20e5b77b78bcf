// What the parallel test balances: a few services that exercise everything that CPUs share, few clients, and every
// packet that those and their servers may send.

import { arriving, fromServer } from "../packets/scenario.ts";
import { type Wire, wires } from "../packets/wire.ts";
import type { BalancerPlan, ServicePlan } from "../plan.ts";

const PORTS = [40_000, 40_001, 40_002] as const;
const FLAGS = ["S", "S", "A", "FA", "R", "PA"] as const;

/** Servers that two services share, so that replies have entries; thresholds, persistence, caps. */
function servicesOf({ vip, otherVip, servers, neighbourhoodBits }: Wire): readonly ServicePlan[] {
  const shared = [servers[0], servers[1]].map((address, index) => ({ address, port: 8080, upperThreshold: 3 + index }));
  const direct = [servers[2], servers[3]].map((address) => ({ address, method: "dr" as const }));
  return [
    { address: vip, port: 80, scheduler: "wlc", destinations: shared, persistence: { seconds: 1 } },
    { address: otherVip, port: 80, scheduler: "rr", destinations: shared, halfOpenMaximum: 4 },
    {
      address: vip,
      port: 443,
      scheduler: "rr",
      destinations: direct,
      persistence: { seconds: 2, maskBits: neighbourhoodBits },
    },
    { address: vip, port: 53, protocol: "udp", scheduler: "wlc", destinations: direct, persistence: { seconds: 1 } },
    { address: otherVip, port: 53, protocol: "udp", scheduler: "rr", destinations: direct, onePacket: true },
  ];
}

/** A table so small that it is full at times. */
export const plan: BalancerPlan = {
  services: wires.flatMap(servicesOf),
  clients: wires.flatMap(({ clients }) => clients),
  maximumConnections: 24,
  settings: { reuseMode: 3, onRemoval: "reschedule", leaveQuiesced: true },
};

function framesOf({ vip, otherVip, clients, servers, tcpFrame, udpFrame }: Wire): Uint8Array[] {
  return clients.flatMap((client) =>
    PORTS.flatMap((port) => {
      const to = (destination: string, destinationPort: number) =>
        [{ source: client, destination }, { sourcePort: port, destinationPort }] as const;
      const opening = [
        [vip, 80],
        [otherVip, 80],
        [vip, 443],
      ] as const;
      const requests = opening.flatMap(([address, destinationPort]) => {
        const [ip, ports] = to(address, destinationPort);
        return FLAGS.map((flags) => tcpFrame(arriving, ip, { ...ports, flags }));
      });
      const datagrams = [vip, otherVip].map((address) => udpFrame(arriving, ...to(address, 53)));
      const replies = [servers[0], servers[1]].flatMap((server) =>
        ["SA", "A", "FA", "R"].map((flags) => {
          const ip = { source: server, destination: client };
          return tcpFrame(fromServer, ip, { sourcePort: 8080, destinationPort: port, flags });
        }),
      );
      return [...requests, ...datagrams, ...replies];
    }),
  );
}

export const frames: readonly Uint8Array[] = wires.flatMap(framesOf);
