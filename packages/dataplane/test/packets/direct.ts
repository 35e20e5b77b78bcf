// Direct routing packet by packet, and VLAN tags: those that come in, and those the way out wants.

import { routerAlert } from "@yardmaster/packet";
import type { BalancerPlan, HopPlan } from "../plan.ts";
import {
  arriving,
  directPlan,
  natPlan,
  type PacketScenario,
  serverAddress,
  serverMac,
  tcpFrame,
  toServer,
  udpFrame,
} from "./scenario.ts";

const overVlan = (vlan: number): BalancerPlan => {
  const hop: HopPlan = { mac: serverMac, vlan };
  return directPlan({ destinations: [{ address: serverAddress, method: "dr", hop }] });
};
const natOverVlan = (vlan: number): BalancerPlan =>
  natPlan({ destinations: [{ address: serverAddress, port: 8080, hop: { mac: serverMac, vlan } }] });
const tagged = (vlan: NonNullable<Parameters<typeof tcpFrame>[0]["vlan"]>) => ({ ...arriving, vlan });
const toTagged = (vlan: NonNullable<Parameters<typeof tcpFrame>[0]["vlan"]>) => ({ ...toServer, vlan });
const translated = { destination: serverAddress, ttl: 63 };
const SERVICE_TAG = 0x88a8;

/** The identification that gives the usual frame's IPv4 header this checksum (RFC 1071 arithmetic). */
function identificationFor(checksum: number): number {
  const frame = tcpFrame(arriving);
  const without = ((frame[24] ?? 0) << 8) | (frame[25] ?? 0);
  return (((without - checksum) % 0xffff) + 0xffff) % 0xffff;
}

const beforeCarry = { identification: identificationFor(0xfeff) };
const beforeZero = { identification: identificationFor(0) };

export const direct: readonly PacketScenario[] = [
  {
    name: "dr changes MAC addresses and the time to live, nothing else",
    plan: directPlan(),
    steps: [
      { in: tcpFrame(arriving, {}, {}, "abc"), verdict: "tx", out: tcpFrame(toServer, { ttl: 63 }, {}, "abc") },
      {
        in: tcpFrame(arriving, { options: [routerAlert], typeOfService: 3 }, { flags: "PA" }, "abc"),
        verdict: "tx",
        out: tcpFrame(toServer, { options: [routerAlert], typeOfService: 3, ttl: 63 }, { flags: "PA" }, "abc"),
      },
    ],
  },
  {
    name: "dr does not touch a UDP checksum, be it absent or wrong",
    plan: directPlan({ protocol: "udp" }),
    steps: [0, 0xbeef].map((checksum) => ({
      in: udpFrame(arriving, {}, { checksum }, "abc"),
      verdict: "tx" as const,
      out: udpFrame(toServer, { ttl: 63 }, { checksum }, "abc"),
    })),
  },
  {
    name: "dr knows no replies: the server's answer, seen here, is left to the stack",
    plan: directPlan(),
    steps: [
      { in: tcpFrame(arriving), verdict: "tx", out: tcpFrame(toServer, { ttl: 63 }) },
      {
        in: tcpFrame(
          arriving,
          { source: "198.51.100.10", destination: "203.0.113.7" },
          { sourcePort: 80, destinationPort: 40000 },
        ),
        verdict: "pass",
        reason: "noService",
      },
    ],
  },
  {
    name: "a packet too large for a dr server's way is dropped, not given to the director's own sockets",
    plan: directPlan(),
    steps: [{ in: tcpFrame(arriving, {}, {}, new Uint8Array(1461)), verdict: "drop", reason: "directExceedsMtu" }],
  },
  ...[2, 64, 255, 256]
    .map((ttl) => ttl % 256)
    .filter((ttl) => ttl > 1)
    .map((ttl) => ({
      name: `the header checksum follows a time to live of ${ttl}, whatever it was`,
      plan: directPlan(),
      steps: Array.from({ length: 64 }, (_, index) => {
        const identification = (index * 1031) & 0xffff;
        return {
          in: tcpFrame(arriving, { ttl, identification }),
          verdict: "tx" as const,
          out: tcpFrame(toServer, { ttl: ttl - 1, identification }),
        };
      }),
    })),
  {
    name: "a header checksum that comes to 0 is 0, and 0xffff, which is as good, goes on from there",
    plan: directPlan(),
    steps: [
      {
        in: tcpFrame(arriving, { ...beforeCarry, checksum: 0xfeff }),
        verdict: "tx",
        out: tcpFrame(toServer, { ...beforeCarry, ttl: 63, checksum: 0 }),
      },
      {
        in: tcpFrame(arriving, { ...beforeZero, checksum: 0xffff }),
        verdict: "tx",
        out: tcpFrame(toServer, { ...beforeZero, ttl: 63, checksum: 0x0100 }),
      },
    ],
  },
  {
    name: "a tag is taken out where the way wants none",
    plan: overVlan(0),
    steps: [{ in: tcpFrame(tagged([100])), verdict: "tx", out: tcpFrame(toServer, { ttl: 63 }) }],
  },
  {
    name: "a tag is put in where the way wants one",
    plan: overVlan(200),
    steps: [{ in: tcpFrame(arriving), verdict: "tx", out: tcpFrame(toTagged([200]), { ttl: 63 }) }],
  },
  {
    name: "a tag that fits stays, with its priority and drop eligibility",
    plan: overVlan(200),
    steps: [
      {
        in: tcpFrame(tagged([{ id: 200, priority: 5, dropEligible: true }])),
        verdict: "tx",
        out: tcpFrame(toTagged([{ id: 200, priority: 5, dropEligible: true }]), { ttl: 63 }),
      },
    ],
  },
  {
    name: "a tag becomes that of the way and keeps its priority",
    plan: overVlan(0xabc),
    steps: [
      {
        in: tcpFrame(tagged([{ id: 0x543, priority: 7 }])),
        verdict: "tx",
        out: tcpFrame(toTagged([{ id: 0xabc, priority: 7 }]), { ttl: 63 }),
      },
    ],
  },
  {
    name: "a priority tag (VLAN 0) is a tag like others",
    plan: overVlan(0),
    steps: [{ in: tcpFrame(tagged([{ id: 0, priority: 3 }])), verdict: "tx", out: tcpFrame(toServer, { ttl: 63 }) }],
  },
  {
    name: "tags are exchanged under NAT too, wherever the header lies",
    plan: natOverVlan(200),
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
    plan: overVlan(0),
    steps: [
      {
        in: tcpFrame(tagged([{ id: 5, type: SERVICE_TAG }, { id: 6 }])),
        verdict: "drop",
        reason: "vlanMismatch",
        out: tcpFrame(tagged([{ id: 5, type: SERVICE_TAG }, { id: 6 }]), { ttl: 63 }),
      },
    ],
  },
  {
    name: "three tags are not read",
    plan: overVlan(0),
    steps: [{ in: tcpFrame(tagged([1, 2, 3])), verdict: "pass", reason: "tooManyTags" }],
  },
];
