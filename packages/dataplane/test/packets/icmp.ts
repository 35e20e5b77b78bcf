// ICMP: pings that the director answers, and errors that find the server or the client whose packet they are about.

import {
  ethernet,
  type EthernetFields,
  foldSum,
  type FramePart,
  frame,
  icmp4,
  type IcmpFields,
  ipv4,
  noOperation,
  routerAlert,
  tcp,
} from "@yardmaster/packet";
import { dr, type Ends, error, flowsOf, kind4, kind6, type Kind, nat, opening, quote } from "./icmp-kinds.ts";
import { scheduledErrors } from "./icmp-scheduled.ts";
import type { ReasonName } from "../../src/index.ts";
import { type BalancerPlan, director, gatewayMac } from "../plan.ts";
import {
  arriving,
  fromServer,
  natPlan,
  type PacketScenario,
  type PacketStep,
  serverMac,
  toClient,
  toServer,
} from "./scenario.ts";
import type { Wire } from "./wire.ts";

function followed(kind: Kind): readonly PacketScenario[] {
  const { wire, routers } = kind;
  const { request, translatedRequest, reply, translatedReply } = flowsOf(kind);
  const [client] = wire.clients;
  const [server] = wire.servers;
  return Object.entries(kind.errors).flatMap(([name, fields]) => [
    {
      name: `nat: ${name} about a server's answer goes to that server, translated`,
      plan: nat(kind),
      steps: [
        opening(kind, "nat"),
        {
          in: error(
            kind,
            arriving,
            { source: routers.outside, destination: wire.vip },
            fields,
            quote(kind, reply, [53, 40000]),
          ),
          verdict: "tx" as const,
          out: error(
            kind,
            toServer,
            { source: routers.outside, destination: server },
            fields,
            quote(kind, translatedReply, [5353, 40000]),
            63,
          ),
        },
      ],
    },
    ...[server, routers.inside].map((source) => ({
      name: `nat: ${name} from ${source} about a client's packet goes to that client, from the service`,
      plan: nat(kind),
      steps: [
        opening(kind, "nat"),
        {
          in: error(
            kind,
            fromServer,
            { source, destination: client },
            fields,
            quote(kind, translatedRequest, [40000, 5353]),
          ),
          verdict: "tx" as const,
          out: error(
            kind,
            toClient,
            { source: wire.vip, destination: client },
            fields,
            quote(kind, request, [40000, 53]),
            63,
          ),
        },
      ],
    })),
    {
      name: `dr: ${name} about a server's answer goes to that server as it is`,
      plan: dr(kind),
      steps: [
        opening(kind, "dr"),
        {
          in: error(kind, arriving, { source: client, destination: wire.vip }, fields, quote(kind, reply, [53, 40000])),
          verdict: "tx" as const,
          out: error(
            kind,
            toServer,
            { source: client, destination: wire.vip },
            fields,
            quote(kind, reply, [53, 40000]),
            63,
          ),
        },
      ],
    },
  ]);
}

/** Errors that must be left alone, though their flow is there. */
function unrelated(kind: Kind): readonly PacketScenario[] {
  const { wire, routers, errors, information } = kind;
  const { reply } = flowsOf(kind);
  const [first = {} as IcmpFields] = Object.values(errors);
  const toVip = { source: routers.outside, destination: wire.vip };
  const about = (parts: readonly FramePart[], fields = first, ends: Ends = toVip) =>
    error(kind, arriving, ends, fields, parts);
  const passes = (name: string, packet: Uint8Array, reason: ReasonName): PacketScenario => ({
    name,
    plan: nat(kind),
    steps: [opening(kind, "nat"), { in: packet, verdict: "pass", reason }],
  });
  const whole = about(quote(kind, reply, [53, 40000]));
  const headers = whole.length - "data".length - 4;
  const cut = Array.from({ length: headers - quotedAt(kind) }, (_, index) =>
    about([whole.subarray(quotedAt(kind), quotedAt(kind) + index)]),
  );
  return [
    passes(
      "an error about a flow that nobody has passes",
      about(quote(kind, reply, [53, 40001])),
      "icmpWithoutConnection",
    ),
    passes(
      "an error about another server's port passes",
      about(quote(kind, reply, [54, 40000])),
      "icmpWithoutConnection",
    ),
    passes(
      "an error about an answer that goes to somebody else passes",
      about(quote(kind, reply, [53, 40000]), first, { ...toVip, destination: wire.otherVip }),
      "icmpWithoutConnection",
    ),
    passes(
      "an error about a packet from the client to the service passes: the service sent none",
      about(quote(kind, flowsOf(kind).request, [40000, 53])),
      "icmpWithoutConnection",
    ),
    passes(
      "an error about an error passes",
      about([kind.header(reply), kind.icmp(first), ...quote(kind, reply, [53, 40000])]),
      "icmpWithoutConnection",
    ),
    passes("ICMP of other kinds passes", about([], { type: information }), "notTcpOrUdp"),
    {
      name: "an error that quotes too little passes, wherever it was cut off",
      plan: nat(kind),
      steps: [
        opening(kind, "nat"),
        ...cut.map((packet) => ({ in: packet, verdict: "pass", reason: "malformedIcmp" }) as const),
      ],
    },
    {
      name: "what stands behind the end of the packet is not quoted",
      plan: nat(kind),
      steps: cut.slice(-6).map((packet) => {
        return {
          in: Uint8Array.of(...packet, ...new Uint8Array(20)),
          verdict: "pass",
          reason: "malformedIcmp",
        } as const;
      }),
    },
    {
      name: "an error about a connection that has ended passes",
      plan: nat(kind),
      steps: [opening(kind, "nat"), { in: whole, verdict: "pass", reason: "icmpWithoutConnection", after: 301 * 250 }],
    },
  ];
}

/** Where the quoted packet begins in an untagged frame without options. */
const quotedAt = ({ wire }: Kind) => 14 + (wire.family === "ipv4" ? 20 : 40) + 8;

function onTheWay(kind: Kind): readonly PacketScenario[] {
  const { wire, routers, errors } = kind;
  const { reply, translatedReply } = flowsOf(kind);
  const [first = {} as IcmpFields] = Object.values(errors);
  const [server] = wire.servers;
  const ends = { source: routers.outside, destination: wire.vip };
  const there = { ...ends, destination: server };
  const before = quote(kind, reply, [53, 40000]);
  const after = quote(kind, translatedReply, [5353, 40000]);
  const step = (incoming: Uint8Array, out: Uint8Array): PacketStep => ({ in: incoming, verdict: "tx", out });
  const large = new Uint8Array(1400).fill(3);
  // Wrong by the same amount: the checksum's own distance from the right one stays.
  const at = quotedAt(kind) - 6;
  const rightOf = (of: Uint8Array) => new DataView(of.buffer, of.byteOffset).getUint16(at);
  const [rightBefore, rightAfter] = [
    error(kind, arriving, ends, first, before),
    error(kind, toServer, there, first, after),
  ];
  const wrongAlike = foldSum(0x1111 + 0xffff - rightOf(rightBefore) + rightOf(rightAfter));
  return [
    {
      name: "an error in a VLAN leaves it as other packets do",
      plan: nat(kind),
      steps: [
        opening(kind, "nat"),
        step(
          error(kind, { ...arriving, vlan: [7] }, ends, first, before),
          error(kind, toServer, there, first, after, 63),
        ),
      ],
    },
    {
      name: "an error whose time to live is used up is dropped, and not answered",
      plan: nat(kind),
      steps: [
        opening(kind, "nat"),
        { in: error(kind, arriving, ends, first, before, 1), verdict: "drop", reason: "timeToLiveExceeded" },
        { in: error(kind, arriving, ends, first, before, 0), verdict: "drop", reason: "timeToLiveExceeded" },
      ],
    },
    {
      name: "padding behind an error stays",
      plan: nat(kind),
      steps: [
        opening(kind, "nat"),
        step(
          Uint8Array.of(...error(kind, arriving, ends, first, before), 1, 2, 3),
          Uint8Array.of(...error(kind, toServer, there, first, after, 63), 1, 2, 3),
        ),
      ],
    },
    {
      name: "an error that is too large for the way is left to the stack by nat, translated",
      plan: natPlan(wire, {
        protocol: "udp",
        destinations: [{ address: server, port: 5353, hop: { mac: serverMac, mtu: 1300 } }],
      }),
      steps: [
        opening(kind, "nat"),
        {
          in: error(kind, arriving, ends, first, [...before, large]),
          verdict: "pass",
          out: error(kind, { ...arriving }, there, first, [...after, large]),
          reason: "exceedsMtu",
        },
      ],
    },
    {
      name: "a damaged error is passed on as damaged",
      plan: nat(kind),
      steps: [
        opening(kind, "nat"),
        step(
          error(kind, arriving, ends, { ...first, checksum: 0x1111 }, before),
          error(kind, toServer, there, { ...first, checksum: wrongAlike }, after, 63),
        ),
      ],
    },
  ];
}

/** What is particular to IPv4: options, of the error and of what it quotes. */
function ofIpv4(): readonly PacketScenario[] {
  const kind = kind4;
  const { wire, routers } = kind;
  const { reply, translatedReply } = flowsOf(kind);
  const fields = { type: 3, code: 1 };
  const packet = (macs: EthernetFields, destination: string, quoted: Ends, port: number, ttl: number) =>
    frame(
      ethernet(macs),
      ipv4({ source: routers.outside, destination, ttl, options: [routerAlert] }),
      icmp4(fields),
      ipv4({ ...quoted, options: [noOperation, routerAlert], ttl: 3 }),
      tcp({ sourcePort: port, destinationPort: 40000, flags: "A", checksum: 0x4321 }),
    );
  const later = ipv4({ ...reply, fragmentOffset: 800, protocol: 17 });
  return [
    {
      name: "nat: options of the error and of the packet that it quotes are passed over",
      plan: natPlan(wire),
      steps: [
        {
          in: wire.tcpFrame(arriving),
          verdict: "tx",
          out: wire.tcpFrame(toServer, { destination: wire.servers[0], ttl: 63 }, { destinationPort: 8080 }),
        },
        {
          in: packet(arriving, wire.vip, reply, 80, 64),
          verdict: "tx",
          out: packet(toServer, wire.servers[0], translatedReply, 8080, 63),
        },
      ],
    },
    {
      name: "an error about a later fragment, which has no ports, passes",
      plan: nat(kind),
      steps: [
        opening(kind, "nat"),
        {
          in: frame(
            ethernet(arriving),
            ipv4({ source: routers.outside, destination: wire.vip }),
            icmp4(fields),
            later,
            "contents",
          ),
          verdict: "pass",
          reason: "icmpWithoutConnection",
        },
      ],
    },
  ];
}

function pings(kind: Kind): readonly PacketScenario[] {
  const { wire, header, icmp, echo } = kind;
  const [client] = wire.clients;
  const numbers = { identifier: 0x1234, sequence: 7 };
  const back = { source: director.mac, destination: gatewayMac };
  const request = (macs: EthernetFields, destination: string, contents: string, fields: Partial<IcmpFields> = {}) =>
    frame(
      ethernet(macs),
      header({ source: client, destination }),
      icmp({ type: echo.request, ...numbers, ...fields }),
      contents,
    );
  const reply = (macs: EthernetFields, contents: string) =>
    frame(
      ethernet(macs),
      header({ source: wire.vip, destination: client }),
      icmp({ type: echo.reply, ...numbers }),
      contents,
    );
  const answered = (
    name: string,
    sent: Uint8Array,
    out: Uint8Array,
    rest: Partial<BalancerPlan> = {},
  ): PacketScenario => ({
    name,
    plan: nat(kind, rest),
    steps: [{ in: sent, verdict: rest.sendBack ?? "tx", out }],
  });
  const passes = (
    name: string,
    sent: Uint8Array,
    reason: ReasonName,
    rest: Partial<BalancerPlan> = {},
  ): PacketScenario => ({
    name,
    plan: nat(kind, rest),
    steps: [{ in: sent, verdict: "pass", reason }],
  });
  return [
    ...["", "a", "ping", "x".repeat(1400)].map((contents) =>
      answered(
        `a ping of ${contents.length} bytes to a virtual address is answered`,
        request(arriving, wire.vip, contents),
        reply(back, contents),
      ),
    ),
    answered(
      "a ping in a VLAN is answered there",
      request({ ...arriving, vlan: [7, 8] }, wire.vip, "p"),
      reply({ ...back, vlan: [7, 8] }, "p"),
    ),
    answered(
      "a ping is answered by a redirect where that is asked for",
      request(arriving, wire.vip, "p"),
      reply(back, "p"),
      { sendBack: "redirect" },
    ),
    answered(
      "pings are not counted as answers, of which there may be so many",
      request(arriving, wire.vip, "p"),
      reply(back, "p"),
      { settings: { answersPerSecond: 0 } },
    ),
    passes("a ping passes where that is wished", request(arriving, wire.vip, "p"), "notTcpOrUdp", {
      settings: { pingVip: false },
    }),
    passes("a ping to no virtual address passes", request(arriving, wire.otherVip, "p"), "notTcpOrUdp"),
    passes("an echo request with a code passes", request(arriving, wire.vip, "p", { code: 1 }), "notTcpOrUdp"),
    passes("an echo reply passes", request(arriving, wire.vip, "p", { type: echo.reply }), "notTcpOrUdp"),
  ];
}

/** ICMP over one family. */
export function ofIcmp(wire: Wire): readonly PacketScenario[] {
  const kind = wire.family === "ipv4" ? kind4 : kind6;
  return [
    ...followed(kind),
    ...unrelated(kind),
    ...onTheWay(kind),
    ...scheduledErrors(kind),
    ...pings(kind),
    ...(kind === kind4 ? ofIpv4() : []),
  ];
}
