// Packets that are not the balancer's: each passes untouched, with the reason counted; and those that may
// open no connection.

import {
  arp,
  ethernet,
  type FramePart,
  fragmentFrame,
  frame,
  icmp4,
  icmp6,
  ipv4,
  ipv6,
  ipv6Extension,
  routerAlert,
  tcp,
} from "@yardmaster/packet";
import type { ReasonName } from "../../src/index.ts";
import { arriving, natPlan, type PacketScenario } from "./scenario.ts";
import { ipv4Wire, ipv6Wire, type Wire } from "./wire.ts";

function passes(wire: Wire, name: string, packet: Uint8Array, reason: ReasonName): PacketScenario {
  return { name, plan: natPlan(wire), steps: [{ in: packet, verdict: "pass", reason }] };
}

/** The frame cut off before byte `length`. */
function cutAt(wire: Wire, packet: Uint8Array, length: number): PacketScenario {
  const steps = [{ in: packet.subarray(0, length), verdict: "pass", reason: "truncated" }] as const;
  const scenario = {
    name: `a frame of ${packet.length} bytes cut off at byte ${length} passes`,
    plan: natPlan(wire),
    steps,
  };
  return length < 14 ? { ...scenario, onlyInMemory: true } : scenario;
}

/** Every length that is too short, one scenario: the balancer's maps take longer to make than packets. */
function everyLength(wire: Wire, name: string, packet: Uint8Array): PacketScenario {
  const lengths = Array.from({ length: packet.length - 14 }, (_, index) => index + 14);
  const steps = lengths.map((length) => {
    return { in: packet.slice(0, length), verdict: "pass", reason: "truncated" } as const;
  });
  return { name, plan: natPlan(wire), steps };
}

function elsewhere(wire: Wire): readonly PacketScenario[] {
  const { tcpFrame, udpFrame, otherVip } = wire;
  const pass = (name: string, packet: Uint8Array, reason: ReasonName) => passes(wire, name, packet, reason);
  return [
    pass(
      "a frame for another machine passes",
      tcpFrame({ ...arriving, destination: "02:00:00:00:00:02" }),
      "notForThisHost",
    ),
    pass("a broadcast passes", tcpFrame({ ...arriving, destination: "ff:ff:ff:ff:ff:ff" }), "notForThisHost"),
    pass(
      "a MAC address that agrees in its first four bytes only is another's",
      tcpFrame({ ...arriving, destination: "02:00:00:00:01:01" }),
      "notForThisHost",
    ),
    pass("a packet for no service's address passes", tcpFrame(arriving, { destination: otherVip }), "noService"),
    pass("a packet for no service's port passes", tcpFrame(arriving, {}, { destinationPort: 81 }), "noService"),
    pass(
      "the service's port over the other protocol passes",
      udpFrame(arriving, {}, { destinationPort: 80 }),
      "noService",
    ),
  ];
}

function malformed(wire: Wire): readonly PacketScenario[] {
  const { tcpFrame, udpFrame } = wire;
  const pass = (name: string, packet: Uint8Array, reason: ReasonName) => passes(wire, name, packet, reason);
  return [
    pass("a TCP header length below 20 passes", tcpFrame(arriving, {}, { headerLength: 16 }), "malformedTransport"),
    pass(
      "a TCP header longer than the packet passes",
      tcpFrame(arriving, {}, { headerLength: 24 }),
      "malformedTransport",
    ),
    pass(
      "a UDP length below 8 passes",
      udpFrame(arriving, {}, { length: 7, destinationPort: 80 }),
      "malformedTransport",
    ),
    pass(
      "a UDP length beyond the packet passes",
      udpFrame(arriving, {}, { length: 9, destinationPort: 80 }),
      "malformedTransport",
    ),
    ...[0, 1, 13].map((length) => cutAt(wire, tcpFrame(arriving), length)),
    everyLength(wire, "a TCP frame cut off anywhere passes", tcpFrame(arriving, {}, {}, "data")),
    everyLength(wire, "a tagged UDP frame cut off anywhere passes", udpFrame({ ...arriving, vlan: [1, 2] })),
  ];
}

function openingNothing(wire: Wire): readonly PacketScenario[] {
  const { tcpFrame, servers } = wire;
  const pass = (name: string, packet: Uint8Array, reason: ReasonName) => passes(wire, name, packet, reason);
  const weightless = [servers[0], servers[1]].map((address) => ({ address, weight: 0 }));
  return [
    pass("an ACK without connection passes", tcpFrame(arriving, {}, { flags: "A" }), "notOpening"),
    pass("a RST without connection passes", tcpFrame(arriving, {}, { flags: "R" }), "notOpening"),
    pass("SYN and RST together open nothing", tcpFrame(arriving, {}, { flags: "SR" }), "notOpening"),
    pass("a TCP packet without flags opens nothing", tcpFrame(arriving, {}, { flags: "" }), "notOpening"),
    {
      name: "a connection is refused where every server has weight 0",
      plan: natPlan(wire, { destinations: weightless }),
      steps: [{ in: tcpFrame(arriving), verdict: "pass", reason: "noDestination" }],
    },
    {
      name: "a service without servers refuses",
      plan: natPlan(wire, { destinations: [] }),
      steps: [{ in: tcpFrame(arriving), verdict: "pass", reason: "noDestination" }],
    },
  ];
}

/** What holds over both families. */
export function leftAlone(wire: Wire): readonly PacketScenario[] {
  return [...elsewhere(wire), ...malformed(wire), ...openingNothing(wire)];
}

const [client4] = ipv4Wire.clients;
const ends4 = { source: client4, destination: ipv4Wire.vip };
const large4 = ipv4Wire.udpFrame(arriving, {}, {}, new Uint8Array(1400).fill(1));
const [firstFragment = large4, laterFragment = large4] = fragmentFrame(large4, 800);

/** The usual IPv4 packet behind a header that says something wrong. */
const ipv4Headers: readonly (readonly [name: string, fields: Parameters<typeof ipv4Wire.tcpFrame>[1], ReasonName])[] = [
  ["a wrong header checksum", { checksum: 0x1234 }, "badIpChecksum"],
  ["a header checksum wrong in its options", { options: [routerAlert], checksum: 1 }, "badIpChecksum"],
  ["an IP version other than 4", { version: 5 }, "malformedIp"],
  ["an IP header length below 20", { headerLength: 16 }, "malformedIp"],
  ["a total length beyond the frame", { totalLength: 41 }, "truncated"],
  ["a total length below the headers", { totalLength: 39 }, "malformedTransport"],
  ["a total length below the IP header", { totalLength: 19 }, "malformedIp"],
  ["a total length of 0", { totalLength: 0 }, "malformedIp"],
];

const ofIpv4: readonly PacketScenario[] = [
  ...ipv4Headers.map(([name, fields, reason]) =>
    passes(ipv4Wire, `${name} passes`, ipv4Wire.tcpFrame(arriving, fields), reason),
  ),
  passes(ipv4Wire, "IPv6 passes where no service has it", ipv6Wire.tcpFrame(arriving), "otherProtocol"),
  passes(
    ipv4Wire,
    "ARP passes",
    frame(ethernet(arriving), arp({ senderMac: arriving.source, senderAddress: client4, targetAddress: ipv4Wire.vip })),
    "otherProtocol",
  ),
  passes(
    ipv4Wire,
    "a ping with IP options passes",
    frame(ethernet(arriving), ipv4({ ...ends4, options: [routerAlert] }), icmp4({ type: 8 }), "ping"),
    "notTcpOrUdp",
  ),
  passes(
    ipv4Wire,
    "another protocol passes",
    frame(ethernet(arriving), ipv4({ ...ends4, protocol: 132 }), new Uint8Array(20)),
    "notTcpOrUdp",
  ),
  passes(ipv4Wire, "a first fragment for no service passes", firstFragment, "noService"),
  passes(ipv4Wire, "a later fragment whose first was not seen passes", laterFragment, "fragment"),
  everyLength(
    ipv4Wire,
    "a UDP frame with IPv4 options cut off anywhere passes",
    ipv4Wire.udpFrame(arriving, { options: [routerAlert] }),
  ),
];

const ends6 = { source: ipv6Wire.clients[0], destination: ipv6Wire.vip };
const large6 = ipv6Wire.udpFrame(arriving, {}, {}, new Uint8Array(1400).fill(1));
const [first6 = large6, later6 = large6] = fragmentFrame(large6, 1280);

const ipv6Headers: readonly (readonly [name: string, fields: Parameters<typeof ipv6Wire.tcpFrame>[1], ReasonName])[] = [
  ["an IP version other than 6", { version: 4 }, "malformedIp"],
  ["a payload length beyond the frame", { payloadLength: 21 }, "truncated"],
  ["a payload length below the TCP header", { payloadLength: 19 }, "malformedTransport"],
  ["a payload length of 0", { payloadLength: 0 }, "malformedTransport"],
  ["a hop-by-hop header", { extensions: [ipv6Extension("hopByHop", Uint8Array.of(5, 2, 0, 0))] }, "notTcpOrUdp"],
  ["a routing header", { extensions: [ipv6Extension("routing", new Uint8Array(6))] }, "notTcpOrUdp"],
  ["destination options", { extensions: [ipv6Extension("destinationOptions")] }, "notTcpOrUdp"],
];

/** A neighbour solicitation (RFC 4861 §4.3), up to its target. */
function solicitation(...contents: readonly FramePart[]): Uint8Array {
  return frame(ethernet(arriving), ipv6({ ...ends6, hopLimit: 255 }), icmp6({ type: 135 }), ...contents);
}

const ofIpv6: readonly PacketScenario[] = [
  ...ipv6Headers.map(([name, fields, reason]) =>
    passes(ipv6Wire, `${name} passes`, ipv6Wire.tcpFrame(arriving, fields), reason),
  ),
  passes(ipv6Wire, "IPv4 passes where no service has it", ipv4Wire.tcpFrame(arriving), "otherProtocol"),
  passes(ipv6Wire, "a neighbour solicitation passes", solicitation(new Uint8Array(16)), "notTcpOrUdp"),
  passes(
    ipv6Wire,
    "IPv4 under the EtherType of IPv6 passes",
    frame(ethernet({ ...arriving, type: 0x86dd }), ipv4(ends4), tcp({ sourcePort: 1, destinationPort: 80 })),
    "malformedIp",
  ),
  passes(ipv6Wire, "a first fragment for no service passes", first6, "noService"),
  passes(ipv6Wire, "a later fragment whose first was not seen passes", later6, "fragment"),
];

/** What only one of them has. */
export const ownLeftAlone: readonly PacketScenario[] = [...ofIpv4, ...ofIpv6];
