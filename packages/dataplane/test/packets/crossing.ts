// Full NAT between address families packet by packet: there and back over TCP and UDP, what does not fit, and errors.

import type { BalancerPlan } from "../plan.ts";
import { arriving, errorAbout, fromServer, type PacketScenario, toClient, toServer } from "./scenario.ts";
import { ipv4Wire, ipv6Wire, type Wire } from "./wire.ts";

const LOCAL = { ipv4: "10.0.1.1", ipv6: "fd00:1::1" } as const;
const LOCAL_PORT = 5000;

/** A service of `client`'s family with a server of the other one, and one local port. */
function planFor(client: Wire, server: Wire, protocol: "tcp" | "udp"): BalancerPlan {
  const destinations = [{ address: server.servers[0], port: 8080, method: "fullnat" as const }];
  const service = { address: client.vip, port: protocol === "tcp" ? 80 : 53, protocol, destinations };
  return {
    services: [service],
    clients: [client.clients[0]],
    localPorts: { first: LOCAL_PORT, count: 1 },
    shape: { families: ["ipv4", "ipv6"] },
  };
}

function thereAndBack(client: Wire, server: Wire): readonly PacketScenario[] {
  const local = LOCAL[server.family];
  const there = { source: local, destination: server.servers[0], ttl: 63, typeOfService: 0xb8, dontFragment: false };
  const back = { source: server.servers[0], destination: local, typeOfService: 0x28 };
  const home = {
    source: client.vip,
    destination: client.clients[0],
    ttl: 63,
    typeOfService: 0x28,
    dontFragment: false,
  };
  const [out, answer] = [
    { sourcePort: LOCAL_PORT, destinationPort: 8080 },
    { sourcePort: 8080, destinationPort: LOCAL_PORT },
  ];
  // What may be divided has a number by chance.
  const chance = { identification: 0 } as object;
  const name = `${client.family} clients of a server of ${server.family}`;
  return [
    {
      name: `${name}: TCP gets the other header both ways, its traffic class and a hop less`,
      plan: planFor(client, server, "tcp"),
      steps: [
        {
          in: client.tcpFrame(arriving, { typeOfService: 0xb8 }),
          verdict: "tx",
          out: server.tcpFrame(toServer, { ...there, ...chance }, out),
        },
        {
          in: server.tcpFrame(fromServer, back, { ...answer, flags: "SA" }),
          verdict: "tx",
          out: client.tcpFrame(
            toClient,
            { ...home, ...chance },
            { sourcePort: 80, destinationPort: 40000, flags: "SA" },
          ),
        },
      ],
    },
    {
      name: `${name}: UDP, too`,
      plan: planFor(client, server, "udp"),
      steps: [
        {
          in: client.udpFrame(arriving, { typeOfService: 0xb8 }, {}, "question"),
          verdict: "tx",
          out: server.udpFrame(toServer, { ...there, ...chance }, out, "question"),
        },
        {
          in: server.udpFrame(fromServer, back, answer, "answer"),
          verdict: "tx",
          out: client.udpFrame(toClient, { ...home, ...chance }, { sourcePort: 53, destinationPort: 40000 }, "answer"),
        },
      ],
    },
  ];
}

/** A packet with so much data, which the server's way of 1500 bytes does not take: what its sender is told. */
function tooLarge(client: Wire, server: Wire, bytes: number, mtu: number): PacketScenario {
  const data = new Uint8Array(bytes).fill(7);
  const large = client.tcpFrame(arriving, { dontFragment: true }, {}, data);
  const aged = client.tcpFrame(arriving, { dontFragment: true, ttl: 63 }, {}, data);
  return {
    name: `${client.family} clients are told ${mtu} where the way to a server of ${server.family} has 1500`,
    plan: planFor(client, server, "tcp"),
    steps: [{ in: large, verdict: "tx", out: errorAbout(aged, "tooBig", mtu) }],
  };
}

/** What only one direction has. */
const own: readonly PacketScenario[] = [
  tooLarge(ipv4Wire, ipv6Wire, 1461, 1480),
  tooLarge(ipv6Wire, ipv4Wire, 1461, 1520),
  {
    name: "a datagram without a checksum gets one on its way to IPv6",
    plan: planFor(ipv4Wire, ipv6Wire, "udp"),
    steps: [
      {
        in: ipv4Wire.udpFrame(arriving, {}, { checksum: 0 }, "question"),
        verdict: "tx",
        out: ipv6Wire.udpFrame(
          toServer,
          { source: LOCAL.ipv6, destination: ipv6Wire.servers[0], ttl: 63 },
          { sourcePort: LOCAL_PORT, destinationPort: 8080 },
          "question",
        ),
      },
    ],
  },
];

/** All of them. */
export const crossing: readonly PacketScenario[] = [
  ...thereAndBack(ipv4Wire, ipv6Wire),
  ...thereAndBack(ipv6Wire, ipv4Wire),
  ...own,
];
