// ICMP: pings that the director answers, and errors that find the server or the client whose packet they are about.

import {
  ethernet,
  type EthernetFields,
  foldSum,
  type FramePart,
  frame,
  icmp4,
  icmp6,
  type IcmpFields,
  ipv4,
  ipv6,
  type Layer,
  noOperation,
  routerAlert,
  tcp,
  udp,
} from "@yardmaster/packet";
import type { ReasonName } from "../../src/index.ts";
import { type BalancerPlan, director, gatewayMac } from "../plan.ts";
import {
  arriving,
  directPlan,
  fromServer,
  natPlan,
  type PacketScenario,
  type PacketStep,
  serverMac,
  toClient,
  toServer,
} from "./scenario.ts";
import { ipv4Wire, ipv6Wire, type Wire } from "./wire.ts";

interface Ends {
  readonly source: string;
  readonly destination: string;
}

/** How errors and pings of a family look. */
interface Kind {
  readonly wire: Wire;
  readonly header: (ends: Ends, hops?: number) => Layer;
  readonly icmp: (fields: IcmpFields) => Layer;
  readonly echo: { readonly request: number; readonly reply: number };
  /** Errors that are followed, by name, and a type that is none. */
  readonly errors: Readonly<Record<string, IcmpFields>>;
  readonly information: number;
  /** Of the server's side and of the clients'. */
  readonly routers: { readonly inside: string; readonly outside: string };
}

const kind4: Kind = {
  wire: ipv4Wire,
  header: (ends, ttl = 64) => ipv4({ ...ends, ttl }),
  icmp: icmp4,
  echo: { request: 8, reply: 0 },
  errors: {
    "port unreachable": { type: 3, code: 3 },
    "fragmentation needed": { type: 3, code: 4, mtu: 1300 },
    "source quench": { type: 4 },
    "time exceeded": { type: 11 },
  },
  information: 13,
  routers: { inside: "10.0.0.254", outside: "192.0.2.254" },
};
const kind6: Kind = {
  wire: ipv6Wire,
  header: (ends, hopLimit = 64) => ipv6({ ...ends, hopLimit }),
  icmp: icmp6,
  echo: { request: 128, reply: 129 },
  errors: {
    "port unreachable": { type: 1, code: 4 },
    "packet too big": { type: 2, mtu: 1300 },
    "time exceeded": { type: 3 },
    "parameter problem": { type: 4, code: 1 },
  },
  information: 130,
  routers: { inside: "fd00::fe", outside: "2001:db8:e::1" },
};

/** A datagram of the usual flow, as an error quotes it: headers and some data. */
function quote({ header }: Kind, ends: Ends, ports: readonly [number, number], hops = 50): readonly FramePart[] {
  const [sourcePort, destinationPort] = ports;
  return [header(ends, hops), udp({ sourcePort, destinationPort, checksum: 0x1234 }), "data"];
}

function error(
  kind: Kind,
  macs: EthernetFields,
  ends: Ends,
  fields: IcmpFields,
  parts: readonly FramePart[],
  hops?: number,
) {
  return frame(ethernet(macs), kind.header(ends, hops), kind.icmp(fields), ...parts);
}

/** The usual flow as the client sees it, and as the server does. */
function flowsOf({ wire: { clients, servers, vip } }: Kind) {
  const [client] = clients;
  const [server] = servers;
  return {
    request: { source: client, destination: vip },
    translatedRequest: { source: client, destination: server },
    reply: { source: vip, destination: client },
    translatedReply: { source: server, destination: client },
  };
}

/** What opens the usual UDP connection. */
function opening({ wire }: Kind, method: "nat" | "dr"): PacketStep {
  const to = method === "nat" ? { destination: wire.servers[0] } : {};
  return {
    in: wire.udpFrame(arriving),
    verdict: "tx",
    out: wire.udpFrame(toServer, { ...to, ttl: 63 }, method === "nat" ? { destinationPort: 5353 } : {}),
  };
}

const nat = (kind: Kind, rest: Partial<BalancerPlan> = {}) => natPlan(kind.wire, { protocol: "udp" }, rest);
function dr({ wire }: Kind): BalancerPlan {
  return directPlan(wire, { protocol: "udp", destinations: [{ address: wire.servers[0], method: "dr" }] });
}

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
    ...pings(kind),
    ...(kind === kind4 ? ofIpv4() : []),
  ];
}
