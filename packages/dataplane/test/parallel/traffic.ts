// What the parallel test balances: a few services that exercise everything that CPUs share, few clients, and every
// packet that those and their servers may send.

import { arriving, fromServer } from "../packets/scenario.ts";
import { type Wire, wires } from "../packets/wire.ts";
import type { Balancer } from "../harness.ts";
import { type BalancerPlan, director, LOCAL_ADDRESSES, type ServicePlan } from "../plan.ts";

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

/** Packets of the parallel test, and the balancer that they go through. */
export interface Traffic {
  readonly name: string;
  readonly plan: BalancerPlan;
  readonly frames: readonly Uint8Array[];
  /** How often each packet goes through at once. */
  readonly repeat: number;
  /** Packets that each thread sends between two pauses. */
  readonly packets: number;
  readonly prepare?: (balancer: Balancer) => void;
}

const settings = { reuseMode: 3, onRemoval: "reschedule", leaveQuiesced: true } as const;

/** All that clients and servers do, in a table so small that it is full at times. */
const mixed: Traffic = {
  name: "mixed traffic",
  plan: {
    services: wires.flatMap(servicesOf),
    clients: wires.flatMap(({ clients }) => clients),
    maximumConnections: 24,
    settings,
  },
  frames: wires.flatMap(framesOf),
  repeat: 1,
  packets: 1000,
};

/**
 * Nothing but openings, each one hundreds of times without leaving the kernel, of so few flows that the CPUs meet in
 * them: the way out leads to the director itself, and connections are over as soon as they are open.
 */
const storm: Traffic = {
  name: "a storm of openings",
  plan: {
    services: wires.flatMap((wire) => stormServices(wire)),
    clients: wires.flatMap(({ clients }) => clients),
    maximumConnections: 16,
    settings,
  },
  frames: wires.flatMap(stormFrames),
  repeat: 200,
  packets: 40,
  prepare(balancer) {
    for (const state of ["SYN_RECV", "UDP"] as const) balancer.setTimeoutOf(state, 0);
  },
};

function stormServices({ vip, otherVip, servers }: Wire): readonly ServicePlan[] {
  const hop = { mac: director.mac };
  const destinations = [servers[0], servers[1]].map((address) => ({ address, method: "dr" as const, hop }));
  const limited = destinations.map((destination) => ({ ...destination, upperThreshold: 2 }));
  return [
    { address: vip, port: 80, scheduler: "wlc", destinations: limited, halfOpenMaximum: 50 },
    { address: vip, port: 443, scheduler: "rr", destinations, persistence: { seconds: 0 } },
    { address: otherVip, port: 443, scheduler: "rr", destinations, persistence: { seconds: 1, maskBits: 0 } },
    { address: vip, port: 53, protocol: "udp", scheduler: "rr", destinations, persistence: { seconds: 0 } },
    {
      address: otherVip,
      port: 53,
      protocol: "udp",
      scheduler: "rr",
      destinations,
      persistence: { seconds: 0 },
      onePacket: true,
    },
  ];
}

function stormFrames({ vip, otherVip, tcpFrame, udpFrame }: Wire): Uint8Array[] {
  return [40_000, 40_001].flatMap((sourcePort) => [
    tcpFrame(arriving, { ttl: 255 }, { sourcePort, destinationPort: 80 }),
    tcpFrame(arriving, { ttl: 255 }, { sourcePort, destinationPort: 443 }),
    tcpFrame(arriving, { ttl: 255, destination: otherVip }, { sourcePort, destinationPort: 443 }),
    ...[vip, otherVip].map((destination) => udpFrame(arriving, { ttl: 255, destination }, { sourcePort })),
  ]);
}

/** Two services that share a server behind full NAT, with fewer local ends towards it than clients have connections. */
const localPorts: Traffic = {
  name: "full NAT with few local ports",
  plan: {
    services: wires.flatMap(({ vip, otherVip, servers }) =>
      [vip, otherVip].map((address) => ({
        address,
        port: 80,
        destinations: [{ address: servers[0], port: 8080, method: "fullnat" as const, tellsClient: true }],
      })),
    ),
    clients: wires.flatMap(({ clients }) => clients),
    localPorts: { first: 5000, count: 5 },
    shape: { features: ["toa"] },
    settings: { reuseMode: 3 },
  },
  frames: wires.flatMap(localFrames),
  repeat: 1,
  packets: 1000,
};

function localFrames({ family, vip, otherVip, clients, servers, tcpFrame }: Wire): Uint8Array[] {
  const requests = clients.flatMap((source) =>
    PORTS.flatMap((sourcePort) =>
      [vip, otherVip].flatMap((destination) =>
        FLAGS.map((flags) => tcpFrame(arriving, { source, destination }, { sourcePort, flags })),
      ),
    ),
  );
  const [local] = LOCAL_ADDRESSES.filter((address) => address.includes(":") === (family === "ipv6"));
  const replies = [5000, 5001, 5002, 5003, 5004].flatMap((destinationPort) =>
    ["SA", "A", "FA", "R"].map((flags) => {
      const ip = { source: servers[0], destination: local ?? "" };
      return tcpFrame(fromServer, ip, { sourcePort: 8080, destinationPort, flags });
    }),
  );
  return [...requests, ...replies];
}

export const traffics: readonly Traffic[] = [mixed, storm, localPorts];

function framesOf({ vip, otherVip, clients, servers, tcpFrame, udpFrame }: Wire): Uint8Array[] {
  return clients.flatMap((client) =>
    PORTS.flatMap((port) => {
      const to = (destination: string, destinationPort: number) =>
        [
          { source: client, destination },
          { sourcePort: port, destinationPort },
        ] as const;
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
