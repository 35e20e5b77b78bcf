// NAT packet by packet: there and back, over TCP and UDP, with everything that must survive it.

import { maximumSegmentSize, recordRoute, routerAlert, timestamps, windowScale } from "@yardmaster/packet";
import { INGRESS } from "../plan.ts";
import { checksumFor } from "./checksums.ts";
import {
  arriving,
  fromServer,
  natPlan,
  type PacketScenario,
  serverAddress,
  tcpFrame,
  toClient,
  toServer,
  udpFrame,
  vip,
} from "./scenario.ts";

const backIp = { source: serverAddress, destination: "203.0.113.7" };
const backTcp = { sourcePort: 8080, destinationPort: 40000, flags: "SA" };
const backUdp = { sourcePort: 5353, destinationPort: 40000 };
const udpPlan = natPlan({ protocol: "udp" });

const syn = tcpFrame(arriving);
const synOut = tcpFrame(toServer, { destination: serverAddress, ttl: 63 }, { destinationPort: 8080 });
const opening = { in: syn, verdict: "tx", out: synOut } as const;

const tcpOptions = [maximumSegmentSize(1460), windowScale(7), timestamps(1, 0)];
const ipFields = { typeOfService: 0xb8, identification: 0x1234, dontFragment: true };

export const translation: readonly PacketScenario[] = [
  {
    name: "a TCP handshake and its data are translated both ways, with port mapping",
    plan: natPlan(),
    steps: [
      opening,
      {
        in: tcpFrame(fromServer, backIp, { ...backTcp, sequence: 99, acknowledgment: 8 }),
        verdict: "tx",
        out: tcpFrame(
          toClient,
          { ...backIp, source: vip, ttl: 63 },
          { ...backTcp, sourcePort: 80, sequence: 99, acknowledgment: 8 },
        ),
      },
      {
        in: tcpFrame(arriving, ipFields, { flags: "PA", sequence: 8, acknowledgment: 100 }, "GET / HTTP/1.1\r\n\r\nx"),
        verdict: "tx",
        out: tcpFrame(
          toServer,
          { ...ipFields, destination: serverAddress, ttl: 63 },
          { destinationPort: 8080, flags: "PA", sequence: 8, acknowledgment: 100 },
          "GET / HTTP/1.1\r\n\r\nx",
        ),
      },
    ],
  },
  {
    name: "TCP options and urgent data are left alone",
    plan: natPlan(),
    steps: [
      {
        in: tcpFrame(arriving, {}, { flags: "SU", urgentPointer: 3, options: tcpOptions }, "abc"),
        verdict: "tx",
        out: tcpFrame(
          toServer,
          { destination: serverAddress, ttl: 63 },
          { destinationPort: 8080, flags: "SU", urgentPointer: 3, options: tcpOptions },
          "abc",
        ),
      },
    ],
  },
  ...[[routerAlert], [recordRoute(9)], [routerAlert, recordRoute(2)]].map((options, index) => ({
    name: `IP options are kept and the ports behind them found (${index + 1})`,
    plan: natPlan(),
    steps: [
      {
        in: tcpFrame(arriving, { options }, {}, "data"),
        verdict: "tx" as const,
        out: tcpFrame(toServer, { options, destination: serverAddress, ttl: 63 }, { destinationPort: 8080 }, "data"),
      },
    ],
  })),
  {
    name: "a UDP question and its answer are translated, with port mapping",
    plan: udpPlan,
    steps: [
      {
        in: udpFrame(arriving, {}, {}, "question"),
        verdict: "tx",
        out: udpFrame(toServer, { destination: serverAddress, ttl: 63 }, { destinationPort: 5353 }, "question"),
      },
      {
        in: udpFrame(fromServer, backIp, backUdp, "answer!"),
        verdict: "tx",
        out: udpFrame(toClient, { ...backIp, source: vip, ttl: 63 }, { ...backUdp, sourcePort: 53 }, "answer!"),
      },
    ],
  },
  {
    name: "a UDP datagram without checksum stays without, both ways",
    plan: udpPlan,
    steps: [
      {
        in: udpFrame(arriving, {}, { checksum: 0 }, "q"),
        verdict: "tx",
        out: udpFrame(toServer, { destination: serverAddress, ttl: 63 }, { destinationPort: 5353, checksum: 0 }, "q"),
      },
      {
        in: udpFrame(fromServer, backIp, { ...backUdp, checksum: 0 }, "a"),
        verdict: "tx",
        out: udpFrame(toClient, { ...backIp, source: vip, ttl: 63 }, { ...backUdp, sourcePort: 53, checksum: 0 }, "a"),
      },
    ],
  },
  ...[0, 1, 2, 9, 1472].map((size) => ({
    name: `a UDP datagram of ${size} bytes without checksum gets one where IPVS's way is wished`,
    plan: { ...udpPlan, features: ["fullUdpChecksums"] } as const,
    steps: [
      {
        in: udpFrame(arriving, {}, { checksum: 0 }, new Uint8Array(size).fill(0xa5)),
        verdict: "tx" as const,
        out: udpFrame(
          toServer,
          { destination: serverAddress, ttl: 63 },
          { destinationPort: 5353 },
          new Uint8Array(size).fill(0xa5),
        ),
      },
    ],
  })),
  {
    name: "a UDP checksum that becomes 0 is written as 0xffff",
    plan: udpPlan,
    steps: [
      {
        in: udpFrame(arriving, {}, {}, checksumFor("zero")),
        verdict: "tx",
        out: udpFrame(
          toServer,
          { destination: serverAddress, ttl: 63 },
          { destinationPort: 5353, checksum: 0xffff },
          checksumFor("zero"),
        ),
      },
    ],
  },
  {
    name: "a UDP checksum of 0xffff, which stands for 0, is updated like any other",
    plan: udpPlan,
    steps: [
      {
        in: udpFrame(arriving, {}, { checksum: 0xffff }, checksumFor("ffff")),
        verdict: "tx",
        out: udpFrame(
          toServer,
          { destination: serverAddress, ttl: 63 },
          { destinationPort: 5353 },
          checksumFor("ffff"),
        ),
      },
    ],
  },
  {
    name: "padding behind the datagram goes along and is not counted",
    plan: udpPlan,
    steps: [
      {
        in: Uint8Array.of(...udpFrame(arriving, {}, {}, "q"), ...new Uint8Array(17).fill(0xee)),
        verdict: "tx",
        out: Uint8Array.of(
          ...udpFrame(toServer, { destination: serverAddress, ttl: 63 }, { destinationPort: 5353 }, "q"),
          ...new Uint8Array(17).fill(0xee),
        ),
      },
    ],
  },
  {
    name: "a packet as large as the way out takes goes through",
    plan: natPlan(),
    steps: [
      {
        in: tcpFrame(arriving, {}, {}, new Uint8Array(1460).fill(7)),
        verdict: "tx",
        out: tcpFrame(
          toServer,
          { destination: serverAddress, ttl: 63 },
          { destinationPort: 8080 },
          new Uint8Array(1460).fill(7),
        ),
      },
    ],
  },
  {
    name: "a reply to a client that never asked is left to the stack",
    plan: natPlan(),
    steps: [{ in: tcpFrame(fromServer, backIp, backTcp), verdict: "pass", reason: "noService" }],
  },
  {
    name: "a reply whose connection has timed out is left to the stack",
    plan: natPlan(),
    steps: [
      opening,
      { after: 60 * 250, in: tcpFrame(fromServer, backIp, backTcp), verdict: "pass", reason: "replyWithoutConnection" },
    ],
  },
  {
    name: "a reply from the server's other port is not taken for one",
    plan: natPlan(),
    steps: [
      opening,
      { in: tcpFrame(fromServer, backIp, { ...backTcp, sourcePort: 8081 }), verdict: "pass", reason: "noService" },
    ],
  },
  {
    name: "a server on another interface is reached by redirect, its reply by TX",
    plan: natPlan({
      destinations: [{ address: serverAddress, port: 8080, hop: { mac: "02:00:00:00:02:00", ifindex: 7 } }],
    }),
    steps: [
      { in: syn, verdict: "redirect", ifindex: 7, out: synOut },
      {
        in: tcpFrame(fromServer, backIp, backTcp),
        verdict: "tx",
        out: tcpFrame(toClient, { ...backIp, source: vip, ttl: 63 }, { ...backTcp, sourcePort: 80 }),
      },
    ],
  },
  {
    name: "where TX wakes nobody, the packet goes back by redirect",
    plan: natPlan({}, { sendBack: "redirect" }),
    steps: [{ in: syn, verdict: "redirect", ifindex: INGRESS, out: synOut }],
  },
  {
    name: "a reply that arrives with a time to live of 1 is dropped",
    plan: natPlan(),
    steps: [
      opening,
      {
        in: tcpFrame(fromServer, { ...backIp, ttl: 1 }, backTcp),
        verdict: "drop",
        reason: "timeToLiveExceeded",
        out: tcpFrame(fromServer, { ...backIp, source: vip, ttl: 1 }, { ...backTcp, sourcePort: 80 }),
      },
    ],
  },
];
