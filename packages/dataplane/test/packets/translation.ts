// NAT packet by packet: there and back, over TCP and UDP, with everything that must survive it.

import { maximumSegmentSize, recordRoute, routerAlert, timestamps, windowScale } from "@yardmaster/packet";
import { INGRESS } from "../plan.ts";
import { checksumFor } from "./checksums.ts";
import { arriving, fromServer, natPlan, type PacketScenario, serverMac, toClient, toServer } from "./scenario.ts";
import { type IpFields, ipv4Wire, ipv6Wire, type Wire } from "./wire.ts";

const backTcp = { sourcePort: 8080, destinationPort: 40000, flags: "SA" };
const backUdp = { sourcePort: 5353, destinationPort: 40000 };
const tcpOptions = [maximumSegmentSize(1460), windowScale(7), timestamps(1, 0)];
const request = "GET / HTTP/1.1\r\n\r\nx";

/** Headers of a wire's packets: to the server once translated, from it, and to the client once translated back. */
function headersOf({ clients, servers, vip }: Wire) {
  const [client] = clients;
  const [server] = servers;
  const there: IpFields = { destination: server, ttl: 63 };
  const back: IpFields = { source: server, destination: client };
  const home: IpFields = { source: vip, destination: client, ttl: 63 };
  return { there, back, home };
}

/** The packet that opens the usual connection, and its way. */
function openingOf(wire: Wire) {
  const { tcpFrame } = wire;
  const out = tcpFrame(toServer, headersOf(wire).there, { destinationPort: 8080 });
  return { in: tcpFrame(arriving), verdict: "tx", out } as const;
}

function ofTcp(wire: Wire): readonly PacketScenario[] {
  const { tcpFrame } = wire;
  const { there, back, home } = headersOf(wire);
  const data = { flags: "PA", sequence: 8, acknowledgment: 100 };
  const answer = { ...backTcp, sequence: 99, acknowledgment: 8 };
  const urgent = { flags: "SU", urgentPointer: 3, options: tcpOptions };
  const filled = new Uint8Array(wire.family === "ipv4" ? 1460 : 1440).fill(7);
  return [
    {
      name: "a TCP handshake and its data are translated both ways, with port mapping",
      plan: natPlan(wire),
      steps: [
        openingOf(wire),
        {
          in: tcpFrame(fromServer, back, answer),
          verdict: "tx",
          out: tcpFrame(toClient, home, { ...answer, sourcePort: 80 }),
        },
        {
          in: tcpFrame(arriving, { typeOfService: 0xb8 }, data, request),
          verdict: "tx",
          out: tcpFrame(toServer, { ...there, typeOfService: 0xb8 }, { ...data, destinationPort: 8080 }, request),
        },
      ],
    },
    {
      name: "TCP options and urgent data are left alone",
      plan: natPlan(wire),
      steps: [
        {
          in: tcpFrame(arriving, {}, urgent, "abc"),
          verdict: "tx",
          out: tcpFrame(toServer, there, { ...urgent, destinationPort: 8080 }, "abc"),
        },
      ],
    },
    {
      name: "a packet as large as the way out takes goes through",
      plan: natPlan(wire),
      steps: [
        {
          in: tcpFrame(arriving, {}, {}, filled),
          verdict: "tx",
          out: tcpFrame(toServer, there, { destinationPort: 8080 }, filled),
        },
      ],
    },
  ];
}

function ofUdp(wire: Wire): readonly PacketScenario[] {
  const { udpFrame } = wire;
  const { there, back, home } = headersOf(wire);
  const plan = natPlan(wire, { protocol: "udp" });
  const padding = new Uint8Array(17).fill(0xee);
  const [zero, ffff] = [checksumFor(wire, "zero"), checksumFor(wire, "ffff")];
  const inside = { destinationPort: 5353 };
  const step = (from: Uint8Array, out: Uint8Array) => ({ in: from, verdict: "tx" as const, out });
  return [
    {
      name: "a UDP question and its answer are translated, with port mapping",
      plan,
      steps: [
        step(udpFrame(arriving, {}, {}, "question"), udpFrame(toServer, there, inside, "question")),
        step(
          udpFrame(fromServer, back, backUdp, "answer!"),
          udpFrame(toClient, home, { ...backUdp, sourcePort: 53 }, "answer!"),
        ),
      ],
    },
    {
      name: "a UDP datagram without checksum stays without, both ways",
      plan,
      steps: [
        step(udpFrame(arriving, {}, { checksum: 0 }, "q"), udpFrame(toServer, there, { ...inside, checksum: 0 }, "q")),
        step(
          udpFrame(fromServer, back, { ...backUdp, checksum: 0 }, "a"),
          udpFrame(toClient, home, { ...backUdp, sourcePort: 53, checksum: 0 }, "a"),
        ),
      ],
    },
    ...[0, 1, 2, 9, 1450].map((size) => ({
      name: `a UDP datagram of ${size} bytes without checksum gets one where IPVS's way is wished`,
      plan: { ...plan, shape: { features: ["fullUdpChecksums"] } } as const,
      steps: [
        step(
          udpFrame(arriving, {}, { checksum: 0 }, new Uint8Array(size).fill(0xa5)),
          udpFrame(toServer, there, inside, new Uint8Array(size).fill(0xa5)),
        ),
      ],
    })),
    {
      name: "a UDP checksum that becomes 0 is written as 0xffff",
      plan,
      steps: [step(udpFrame(arriving, {}, {}, zero), udpFrame(toServer, there, { ...inside, checksum: 0xffff }, zero))],
    },
    {
      name: "a UDP checksum of 0xffff, which stands for 0, is updated like any other",
      plan,
      steps: [step(udpFrame(arriving, {}, { checksum: 0xffff }, ffff), udpFrame(toServer, there, inside, ffff))],
    },
    {
      name: "padding behind the datagram goes along and is not counted",
      plan,
      steps: [
        step(
          Uint8Array.of(...udpFrame(arriving, {}, {}, "q"), ...padding),
          Uint8Array.of(...udpFrame(toServer, there, inside, "q"), ...padding),
        ),
      ],
    },
  ];
}

function ofReplies(wire: Wire): readonly PacketScenario[] {
  const { tcpFrame } = wire;
  const { back, home } = headersOf(wire);
  const opening = openingOf(wire);
  const reply = tcpFrame(fromServer, back, backTcp);
  const otherPort = tcpFrame(fromServer, back, { ...backTcp, sourcePort: 8081 });
  const otherServer = tcpFrame(fromServer, { ...back, source: wire.servers[1] }, backTcp);
  return [
    {
      name: "a reply to a client that never asked is left to the stack",
      plan: natPlan(wire),
      steps: [{ in: reply, verdict: "pass", reason: "noService" }],
    },
    {
      name: "a reply whose connection has timed out is left to the stack",
      plan: natPlan(wire),
      steps: [opening, { after: 60 * 250, in: reply, verdict: "pass", reason: "replyWithoutConnection" }],
    },
    {
      name: "a reply from the server's other port, or from another server, is not taken for one",
      plan: natPlan(wire),
      steps: [
        opening,
        { in: otherPort, verdict: "pass", reason: "noService" },
        { in: otherServer, verdict: "pass", reason: "noService" },
      ],
    },
    {
      name: "a reply that arrives with a time to live of 1 is dropped",
      plan: natPlan(wire),
      steps: [
        opening,
        { in: tcpFrame(fromServer, { ...back, ttl: 1 }, backTcp), verdict: "drop", reason: "timeToLiveExceeded" },
      ],
    },
    {
      name: "a server on another interface is reached by redirect, its reply by TX",
      plan: natPlan(wire, {
        destinations: [{ address: wire.servers[0], port: 8080, hop: { mac: serverMac, ifindex: 7 } }],
      }),
      steps: [
        { ...opening, verdict: "redirect", ifindex: 7 },
        { in: reply, verdict: "tx", out: tcpFrame(toClient, home, { ...backTcp, sourcePort: 80 }) },
      ],
    },
    {
      name: "where TX wakes nobody, the packet goes back by redirect",
      plan: natPlan(wire, {}, { sendBack: "redirect" }),
      steps: [{ ...opening, verdict: "redirect", ifindex: INGRESS }],
    },
  ];
}

/** What holds over both families. */
export function translation(wire: Wire): readonly PacketScenario[] {
  return [...ofTcp(wire), ...ofUdp(wire), ...ofReplies(wire)];
}

/** What only one of them has. */
export const ownTranslation: readonly PacketScenario[] = [
  ...[[routerAlert], [recordRoute(9)], [routerAlert, recordRoute(2)]].map((options, index) => ({
    name: `IPv4 options are kept and the ports behind them found (${index + 1})`,
    plan: natPlan(ipv4Wire),
    steps: [
      {
        in: ipv4Wire.tcpFrame(arriving, { options, identification: 0x1234, dontFragment: true }, {}, "data"),
        verdict: "tx" as const,
        out: ipv4Wire.tcpFrame(
          toServer,
          { options, identification: 0x1234, dontFragment: true, ...headersOf(ipv4Wire).there },
          { destinationPort: 8080 },
          "data",
        ),
      },
    ],
  })),
  {
    name: "the flow label of an IPv6 packet is kept both ways",
    plan: natPlan(ipv6Wire),
    steps: [
      {
        in: ipv6Wire.tcpFrame(arriving, { flowLabel: 0xabcde, trafficClass: 0xff }),
        verdict: "tx",
        out: ipv6Wire.tcpFrame(
          toServer,
          { flowLabel: 0xabcde, trafficClass: 0xff, ...headersOf(ipv6Wire).there },
          { destinationPort: 8080 },
        ),
      },
      {
        in: ipv6Wire.tcpFrame(fromServer, { flowLabel: 1, ...headersOf(ipv6Wire).back }, backTcp),
        verdict: "tx",
        out: ipv6Wire.tcpFrame(toClient, { flowLabel: 1, ...headersOf(ipv6Wire).home }, { ...backTcp, sourcePort: 80 }),
      },
    ],
  },
];
