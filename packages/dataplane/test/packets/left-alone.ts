// Packets that are not the balancer's: each passes untouched, with the reason counted; and those that may
// open no connection.

import { arp, ethernet, fragmentFrame, frame, icmp4, ipv4, ipv6, routerAlert, tcp } from "@yardmaster/packet";
import type { ReasonName } from "../../src/index.ts";
import { icmpError } from "../reference/icmp-error.ts";
import {
  arriving,
  clientAddress,
  directPlan,
  natPlan,
  type PacketScenario,
  serverAddress,
  tcpFrame,
  toServer,
  udpFrame,
  vip,
} from "./scenario.ts";

function passes(name: string, packet: Uint8Array, reason: ReasonName): PacketScenario {
  return { name, plan: natPlan(), steps: [{ in: packet, verdict: "pass", reason }] };
}

/** The frame cut off before byte `length`. */
function cutAt(packet: Uint8Array, length: number): PacketScenario {
  const steps = [{ in: packet.subarray(0, length), verdict: "pass", reason: "truncated" }] as const;
  const scenario = {
    name: `a frame of ${packet.length} bytes cut off at byte ${length} passes`,
    plan: natPlan(),
    steps,
  };
  return length < 14 ? { ...scenario, onlyInMemory: true } : scenario;
}

/** Every length that is too short, one scenario: the balancer's maps take longer to make than packets. */
function everyLength(name: string, packet: Uint8Array): PacketScenario {
  const lengths = Array.from({ length: packet.length - 14 }, (_, index) => index + 14);
  const steps = lengths.map((length) => {
    return { in: packet.slice(0, length), verdict: "pass", reason: "truncated" } as const;
  });
  return { name, plan: natPlan(), steps };
}

const large = udpFrame(arriving, {}, {}, new Uint8Array(1400).fill(1));
const [firstFragment = large, laterFragment = large] = fragmentFrame(large, 800);
const twoServers = [
  { address: serverAddress, weight: 0 },
  { address: "10.0.0.12", weight: 0 },
];

/** The frame with byte `at` of its IPv4 header set to `value`, checksum put right by the difference. */
function withIpByte(at: number, value: number): Uint8Array {
  const [version, ihl] = at === 0 ? [value >>> 4, (value & 15) * 4] : [4, 20];
  return tcpFrame(arriving, { version, headerLength: ihl });
}

/** "Time exceeded" for an untagged frame without padding. */
const errorAbout = (bytes: Uint8Array): Uint8Array =>
  icmpError(bytes.subarray(0, 14), bytes.subarray(14), "timeExceeded");

export const leftAlone: readonly PacketScenario[] = [
  passes(
    "IPv6 passes",
    frame(
      ethernet(arriving),
      ipv6({ source: "2001:db8::1", destination: "2001:db8::2" }),
      tcp({ sourcePort: 1, destinationPort: 80 }),
    ),
    "otherProtocol",
  ),
  passes(
    "ARP passes",
    frame(ethernet(arriving), arp({ senderMac: arriving.source, senderAddress: clientAddress, targetAddress: vip })),
    "otherProtocol",
  ),
  passes(
    "a frame for another machine passes",
    tcpFrame({ ...arriving, destination: "02:00:00:00:00:02" }),
    "notForThisHost",
  ),
  passes("a broadcast passes", tcpFrame({ ...arriving, destination: "ff:ff:ff:ff:ff:ff" }), "notForThisHost"),
  passes(
    "a MAC address that agrees in its first four bytes only is another's",
    tcpFrame({ ...arriving, destination: "02:00:00:00:01:01" }),
    "notForThisHost",
  ),
  passes(
    "ICMP passes",
    frame(ethernet(arriving), ipv4({ source: clientAddress, destination: vip }), icmp4({ type: 8 }), "ping"),
    "notTcpOrUdp",
  ),
  passes(
    "another protocol passes",
    frame(ethernet(arriving), ipv4({ source: clientAddress, destination: vip, protocol: 132 }), new Uint8Array(20)),
    "notTcpOrUdp",
  ),
  passes("a first fragment passes", firstFragment, "fragment"),
  passes("a later fragment passes", laterFragment, "fragment"),
  passes("a packet for no service's address passes", tcpFrame(arriving, { destination: "198.51.100.11" }), "noService"),
  passes("a packet for no service's port passes", tcpFrame(arriving, {}, { destinationPort: 81 }), "noService"),
  passes(
    "the service's port over the other protocol passes",
    udpFrame(arriving, {}, { destinationPort: 80 }),
    "noService",
  ),
  passes("an ACK without connection passes", tcpFrame(arriving, {}, { flags: "A" }), "notOpening"),
  passes("a RST without connection passes", tcpFrame(arriving, {}, { flags: "R" }), "notOpening"),
  passes("SYN and RST together open nothing", tcpFrame(arriving, {}, { flags: "SR" }), "notOpening"),
  passes("a TCP packet without flags opens nothing", tcpFrame(arriving, {}, { flags: "" }), "notOpening"),
  passes("a wrong header checksum passes", tcpFrame(arriving, { checksum: 0x1234 }), "badIpChecksum"),
  passes(
    "a header checksum wrong in its options passes",
    tcpFrame(arriving, { options: [routerAlert], checksum: 1 }),
    "badIpChecksum",
  ),
  passes("an IP version other than 4 passes", withIpByte(0, 0x55), "malformedIp"),
  passes("an IP header length below 20 passes", withIpByte(0, 0x44), "malformedIp"),
  passes("a total length beyond the frame passes", tcpFrame(arriving, { totalLength: 41 }), "truncated"),
  passes("a total length below the headers passes", tcpFrame(arriving, { totalLength: 39 }), "malformedTransport"),
  passes("a total length below the IP header passes", tcpFrame(arriving, { totalLength: 19 }), "malformedIp"),
  passes("a total length of 0 passes", tcpFrame(arriving, { totalLength: 0 }), "malformedIp"),
  passes("a TCP header length below 20 passes", tcpFrame(arriving, {}, { headerLength: 16 }), "malformedTransport"),
  passes(
    "a TCP header longer than the packet passes",
    tcpFrame(arriving, {}, { headerLength: 24 }),
    "malformedTransport",
  ),
  passes(
    "a UDP length below 8 passes",
    udpFrame(arriving, {}, { length: 7, destinationPort: 80 }),
    "malformedTransport",
  ),
  passes(
    "a UDP length beyond the packet passes",
    udpFrame(arriving, {}, { length: 9, destinationPort: 80 }),
    "malformedTransport",
  ),
  ...[0, 1, 13].map((length) => cutAt(tcpFrame(arriving), length)),
  everyLength("a TCP frame cut off anywhere passes", tcpFrame(arriving, {}, {}, "data")),
  everyLength(
    "a tagged UDP frame with IP options cut off anywhere passes",
    udpFrame({ ...arriving, vlan: [1, 2] }, { options: [routerAlert] }),
  ),
  {
    name: "a connection is refused where every server has weight 0",
    plan: natPlan({ destinations: twoServers }),
    steps: [{ in: tcpFrame(arriving), verdict: "pass", reason: "noDestination" }],
  },
  {
    name: "a service without servers refuses",
    plan: natPlan({ destinations: [] }),
    steps: [{ in: tcpFrame(arriving), verdict: "pass", reason: "noDestination" }],
  },
  {
    name: "SYN and ACK together open a connection, as in LVS",
    plan: directPlan(),
    steps: [
      {
        in: tcpFrame(arriving, {}, { flags: "SA" }),
        verdict: "tx",
        out: tcpFrame(toServer, { ttl: 63 }, { flags: "SA" }),
      },
    ],
  },
  ...[0, 1].map((ttl) => ({
    name: `a time to live of ${ttl} ends here, after the connection was opened, and the client is told`,
    plan: directPlan(),
    steps: [{ in: tcpFrame(arriving, { ttl }), verdict: "tx", out: errorAbout(tcpFrame(arriving, { ttl })) } as const],
  })),
];
