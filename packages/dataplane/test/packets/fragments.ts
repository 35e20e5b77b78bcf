// Fragments: the first of a datagram is forwarded by its ports, the later ones follow it.

import {
  ethernet,
  type EthernetFields,
  fragmentFrame,
  frame,
  icmp4,
  icmp6,
  ipv4,
  ipv6,
  ipv6Fragment,
} from "@yardmaster/packet";
import type { BalancerPlan } from "../plan.ts";
import {
  arriving,
  directPlan,
  fromServer,
  natPlan,
  type PacketScenario,
  type PacketStep,
  toClient,
  toServer,
} from "./scenario.ts";
import { type IpFields, ipv6Wire, type Wire } from "./wire.ts";

const contents = new Uint8Array(1200).map((_, at) => at);
const MTU = 600;

/** A datagram's fragments, of which there are three; `ip.ttl` is that of the way. */
function pieces(
  wire: Wire,
  macs: EthernetFields,
  ip: IpFields,
  ports: object,
  identification = 7,
): readonly Uint8Array[] {
  const whole = wire.udpFrame(macs, { ...ip, ...(wire.family === "ipv4" && { identification }) }, ports, contents);
  return fragmentFrame(whole, MTU, identification);
}

const forwarded = (sent: readonly Uint8Array[], out: readonly Uint8Array[]): PacketStep[] =>
  sent.map((packet, at) => ({ in: packet, verdict: "tx", out: out[at] as Uint8Array }));

/** Fragments over one family. */
export function ofFragments(wire: Wire): readonly PacketScenario[] {
  const [client] = wire.clients;
  const [server] = wire.servers;
  const nat = natPlan(wire, { protocol: "udp" });
  const dr = directPlan(wire, { protocol: "udp", destinations: [{ address: server, method: "dr" }] });
  const asked = pieces(wire, arriving, {}, {});
  const askedServer = pieces(wire, toServer, { destination: server, ttl: 63 }, { destinationPort: 5353 });
  const back = { source: server, destination: client };
  const answer = pieces(wire, fromServer, back, { sourcePort: 5353, destinationPort: 40000 });
  const home = { source: wire.vip, destination: client, ttl: 63 };
  const answerHome = pieces(wire, toClient, home, { sourcePort: 53, destinationPort: 40000 });
  const [first, second, third] = asked as [Uint8Array, Uint8Array, Uint8Array];
  const without = { checksum: 0 };
  const scenario = (name: string, plan: BalancerPlan, steps: readonly PacketStep[]): PacketScenario => ({
    name,
    plan,
    steps,
  });
  const passes = (packet: Uint8Array, after = 0): PacketStep => ({
    in: packet,
    verdict: "pass",
    reason: "fragment",
    after,
  });
  const [outFirst, outSecond, outThird] = askedServer as [Uint8Array, Uint8Array, Uint8Array];
  return [
    scenario("nat: fragments of a question and of its answer are translated", nat, [
      ...forwarded(asked, askedServer),
      ...forwarded(answer, answerHome),
    ]),
    scenario("dr: fragments stay as they are", dr, forwarded(asked, pieces(wire, toServer, { ttl: 63 }, {}))),
    scenario("nat: fragments of a datagram without checksum stay without", nat, [
      ...forwarded(
        pieces(wire, arriving, {}, without),
        pieces(wire, toServer, { destination: server, ttl: 63 }, { ...without, destinationPort: 5353 }),
      ),
    ]),
    scenario(
      "a first fragment has not what a whole checksum needs: it stays without",
      { ...nat, shape: { features: ["fullUdpChecksums"] } },
      forwarded(
        pieces(wire, arriving, {}, without),
        pieces(wire, toServer, { destination: server, ttl: 63 }, { ...without, destinationPort: 5353 }),
      ),
    ),
    scenario("the last fragment may come before the one in the middle", nat, [
      { in: first, verdict: "tx", out: outFirst },
      { in: third, verdict: "tx", out: outThird },
      { in: second, verdict: "tx", out: outSecond },
    ]),
    scenario("a later fragment that comes before the first passes", nat, [
      passes(second),
      { in: first, verdict: "tx", out: outFirst },
      { in: second, verdict: "tx", out: outSecond },
    ]),
    scenario("fragments of another datagram, or of another client, do not follow", nat, [
      { in: first, verdict: "tx", out: outFirst },
      passes(pieces(wire, arriving, {}, {}, 8)[1] as Uint8Array),
      passes(pieces(wire, arriving, { source: wire.clients[1] }, {})[1] as Uint8Array),
    ]),
    scenario("after half a minute nobody waits for the rest", nat, [
      { in: first, verdict: "tx", out: outFirst },
      passes(second, 30 * 250),
    ]),
    scenario("a fragment in a VLAN leaves it as other packets do", nat, [
      ...forwarded(pieces(wire, { ...arriving, vlan: [7] }, {}, {}), askedServer),
    ]),
    scenario("a later fragment whose time to live is used up is dropped", nat, [
      { in: first, verdict: "tx", out: outFirst },
      {
        in: pieces(wire, arriving, { ttl: 1 }, {})[1] as Uint8Array,
        verdict: "drop",
        reason: "timeToLiveExceeded",
      },
    ]),
    ...strange(wire),
  ];
}

/** What is no good fragment of a datagram. */
function strange(wire: Wire): readonly PacketScenario[] {
  const plan = natPlan(wire, { protocol: "udp" });
  const ends = { source: wire.clients[0], destination: wire.vip };
  const isV4 = wire.family === "ipv4";
  const piece = { fragmentOffset: 0, moreFragments: true, identification: 5 };
  const pingPiece = isV4
    ? frame(ethernet(arriving), ipv4({ ...ends, ...piece, identification: 0 }), icmp4({ type: 8 }), "contents")
    : frame(ethernet(arriving), ipv6({ ...ends, extensions: [ipv6Fragment(piece)] }), icmp6({ type: 128 }), "contents");
  const tiny = isV4
    ? frame(ethernet(arriving), ipv4({ ...ends, ...piece, protocol: 17 }), new Uint8Array(3))
    : frame(ethernet(arriving), ipv6({ ...ends, extensions: [ipv6Fragment(piece)], protocol: 17 }), new Uint8Array(3));
  return [
    { name: "a fragment of a ping passes", plan, steps: [{ in: pingPiece, verdict: "pass", reason: "fragment" }] },
    {
      name: "a fragment too short for ports passes",
      plan,
      steps: [{ in: tiny, verdict: "pass", reason: "truncated" }],
    },
    ...(isV4 ? [] : [atomic()]),
  ];
}

/** RFC 6946: a fragment header on a packet that is whole. */
function atomic(): PacketScenario {
  const extensions = [ipv6Fragment({ fragmentOffset: 0, moreFragments: false, identification: 1 })];
  const out = { destination: ipv6Wire.servers[0], extensions };
  return {
    name: "an atomic fragment is forwarded as the packet that it is",
    plan: natPlan(ipv6Wire),
    steps: [
      {
        in: ipv6Wire.tcpFrame(arriving, { extensions }),
        verdict: "tx",
        out: ipv6Wire.tcpFrame(toServer, { ...out, ttl: 63 }, { destinationPort: 8080 }),
      },
    ],
  };
}
