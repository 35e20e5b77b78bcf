// Direct routing packet by packet, and VLAN tags: those that come in, and those the way out wants.

import type { EthernetFields } from "@yardmaster/packet";
import { routerAlert } from "@yardmaster/packet";
import type { BalancerPlan } from "../plan.ts";
import { arriving, directPlan, errorAbout, natPlan, type PacketScenario, serverMac, toServer } from "./scenario.ts";
import { type IpFields, ipv4Wire, ipv6Wire, type Wire } from "./wire.ts";

type Vlan = NonNullable<EthernetFields["vlan"]>;

const overVlan = (wire: Wire, vlan: number): BalancerPlan => {
  const hop = { mac: serverMac, vlan };
  return directPlan(wire, { destinations: [{ address: wire.servers[0], method: "dr", hop }] });
};
const natOverVlan = (wire: Wire, vlan: number): BalancerPlan =>
  natPlan(wire, { destinations: [{ address: wire.servers[0], port: 8080, hop: { mac: serverMac, vlan } }] });
const tagged = (vlan: Vlan) => ({ ...arriving, vlan });
const toTagged = (vlan: Vlan) => ({ ...toServer, vlan });
const SERVICE_TAG = 0x88a8;

function untagged(wire: Wire): readonly PacketScenario[] {
  const { tcpFrame, udpFrame, vip, clients } = wire;
  const answer = { source: vip, destination: clients[0] };
  return [
    {
      name: "dr changes MAC addresses and the time to live, nothing else",
      plan: directPlan(wire),
      steps: [
        { in: tcpFrame(arriving, {}, {}, "abc"), verdict: "tx", out: tcpFrame(toServer, { ttl: 63 }, {}, "abc") },
        {
          in: tcpFrame(arriving, { typeOfService: 3 }, { flags: "PA" }, "abc"),
          verdict: "tx",
          out: tcpFrame(toServer, { typeOfService: 3, ttl: 63 }, { flags: "PA" }, "abc"),
        },
      ],
    },
    {
      name: "dr does not touch a UDP checksum, be it absent or wrong",
      plan: directPlan(wire, { protocol: "udp" }),
      steps: [0, 0xbeef].map((checksum) => ({
        in: udpFrame(arriving, {}, { checksum }, "abc"),
        verdict: "tx" as const,
        out: udpFrame(toServer, { ttl: 63 }, { checksum }, "abc"),
      })),
    },
    {
      name: "dr knows no replies: the server's answer, seen here, is left to the stack",
      plan: directPlan(wire),
      steps: [
        { in: tcpFrame(arriving), verdict: "tx", out: tcpFrame(toServer, { ttl: 63 }) },
        {
          in: tcpFrame(arriving, answer, { sourcePort: 80, destinationPort: 40000 }),
          verdict: "pass",
          reason: "noService",
        },
      ],
    },
    {
      name: "a time to live of 1 or less ends here, after the connection was opened, and the client is told",
      plan: directPlan(wire),
      steps: [
        ...[0, 1].map((ttl) => ({
          in: tcpFrame(arriving, { ttl }),
          verdict: "tx" as const,
          out: errorAbout(tcpFrame(arriving, { ttl }), "timeExceeded"),
        })),
        ...[2, 255].map((ttl) => ({
          in: tcpFrame(arriving, { ttl }),
          verdict: "tx" as const,
          out: tcpFrame(toServer, { ttl: ttl - 1 }),
        })),
      ],
    },
    {
      name: "SYN and ACK together open a connection, as in LVS",
      plan: directPlan(wire),
      steps: [
        {
          in: tcpFrame(arriving, {}, { flags: "SA" }),
          verdict: "tx",
          out: tcpFrame(toServer, { ttl: 63 }, { flags: "SA" }),
        },
      ],
    },
  ];
}

/** How a frame's tags come in, which VLAN the way out is in, and how they go out. */
const exchanges: readonly { name: string; from: Vlan; way: number; to: Vlan }[] = [
  { name: "a tag is taken out where the way wants none", from: [100], way: 0, to: [] },
  { name: "a tag is put in where the way wants one", from: [], way: 200, to: [200] },
  {
    name: "a tag that fits stays, with its priority and drop eligibility",
    from: [{ id: 200, priority: 5, dropEligible: true }],
    way: 200,
    to: [{ id: 200, priority: 5, dropEligible: true }],
  },
  {
    name: "a tag becomes that of the way and keeps its priority",
    from: [{ id: 0x543, priority: 7 }],
    way: 0xabc,
    to: [{ id: 0xabc, priority: 7 }],
  },
  { name: "a priority tag (VLAN 0) is a tag like others", from: [{ id: 0, priority: 3 }], way: 0, to: [] },
];

function tags(wire: Wire): readonly PacketScenario[] {
  const { tcpFrame, servers } = wire;
  const translated = { destination: servers[0], ttl: 63 };
  return [
    ...exchanges.map(({ name, from, way, to }) => ({
      name,
      plan: overVlan(wire, way),
      steps: [{ in: tcpFrame(tagged(from)), verdict: "tx" as const, out: tcpFrame(toTagged(to), { ttl: 63 }) }],
    })),
    {
      name: "tags are exchanged under NAT too, wherever the header lies",
      plan: natOverVlan(wire, 200),
      steps: [
        {
          in: tcpFrame(tagged([100]), {}, {}, "odd"),
          verdict: "tx",
          out: tcpFrame(toTagged([200]), translated, { destinationPort: 8080 }, "odd"),
        },
        {
          in: tcpFrame(arriving, {}, { flags: "A" }, "odd"),
          verdict: "tx",
          out: tcpFrame(toTagged([200]), translated, { destinationPort: 8080, flags: "A" }, "odd"),
        },
      ],
    },
    {
      name: "two tags are read over, but not exchanged",
      plan: overVlan(wire, 0),
      steps: [
        { in: tcpFrame(tagged([{ id: 5, type: SERVICE_TAG }, { id: 6 }])), verdict: "drop", reason: "vlanMismatch" },
      ],
    },
    {
      name: "three tags are not read",
      plan: overVlan(wire, 0),
      steps: [{ in: tcpFrame(tagged([1, 2, 3])), verdict: "pass", reason: "tooManyTags" }],
    },
  ];
}

/** What holds over both families. */
export function direct(wire: Wire): readonly PacketScenario[] {
  return [...untagged(wire), ...tags(wire)];
}

/** The identification that gives the usual frame's IPv4 header this checksum (RFC 1071 arithmetic). */
function identificationFor(checksum: number): number {
  const frame = ipv4Wire.tcpFrame(arriving);
  const without = ((frame[24] ?? 0) << 8) | (frame[25] ?? 0);
  return (((without - checksum) % 0xffff) + 0xffff) % 0xffff;
}

const whole = { dontFragment: true } as const;
const large4 = (ip: Parameters<typeof ipv4Wire.tcpFrame>[1]) =>
  ipv4Wire.tcpFrame(arriving, ip, {}, new Uint8Array(1461));
const large6 = (ip: IpFields) => ipv6Wire.tcpFrame(arriving, ip, {}, new Uint8Array(1441));
const beforeCarry = { identification: identificationFor(0xfeff) };
const beforeZero = { identification: identificationFor(0) };

/** Of IPv4 alone: the checksum of its header, which changes with the time to live, and its options. */
export const ownDirect: readonly PacketScenario[] = [
  {
    name: "a packet too large for a dr server's way is dropped, not given to the director's own sockets",
    plan: directPlan(ipv4Wire),
    steps: [{ in: large4({}), verdict: "drop", reason: "directExceedsMtu" }],
  },
  {
    name: "who sends what must not be divided is told the MTU of the way",
    plan: directPlan(ipv4Wire),
    steps: [{ in: large4(whole), verdict: "tx", out: errorAbout(large4({ ...whole, ttl: 63 }), "tooBig", 1500) }],
  },
  {
    name: "over IPv6 nothing is divided on its way: the sender is told the MTU",
    plan: directPlan(ipv6Wire),
    steps: [{ in: large6({}), verdict: "tx", out: errorAbout(large6({ ttl: 63 }), "tooBig", 1500) }],
  },
  {
    name: "dr leaves IPv4 options where they are",
    plan: directPlan(ipv4Wire),
    steps: [
      {
        in: ipv4Wire.tcpFrame(arriving, { options: [routerAlert] }, {}, "abc"),
        verdict: "tx",
        out: ipv4Wire.tcpFrame(toServer, { options: [routerAlert], ttl: 63 }, {}, "abc"),
      },
    ],
  },
  ...[2, 64, 255].map((ttl) => ({
    name: `the header checksum follows a time to live of ${ttl}, whatever it was`,
    plan: directPlan(ipv4Wire),
    steps: Array.from({ length: 64 }, (_, index) => {
      const identification = (index * 1031) & 0xffff;
      return {
        in: ipv4Wire.tcpFrame(arriving, { ttl, identification }),
        verdict: "tx" as const,
        out: ipv4Wire.tcpFrame(toServer, { ttl: ttl - 1, identification }),
      };
    }),
  })),
  {
    name: "a header checksum that comes to 0 is 0, and 0xffff, which is as good, goes on from there",
    plan: directPlan(ipv4Wire),
    steps: [
      {
        in: ipv4Wire.tcpFrame(arriving, { ...beforeCarry, checksum: 0xfeff }),
        verdict: "tx",
        out: ipv4Wire.tcpFrame(toServer, { ...beforeCarry, ttl: 63, checksum: 0 }),
      },
      {
        in: ipv4Wire.tcpFrame(arriving, { ...beforeZero, checksum: 0xffff }),
        verdict: "tx",
        out: ipv4Wire.tcpFrame(toServer, { ...beforeZero, ttl: 63, checksum: 0x0100 }),
      },
    ],
  },
];
