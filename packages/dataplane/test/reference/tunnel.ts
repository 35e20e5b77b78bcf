// The reference's tunnels: a packet inside another one, written anew from RFC 2003, RFC 2784, the draft of GUE and what
// the kernel's IPVS was seen to send.

import { addressBytes, frame, gre, gue, ipv4, ipv6, udp } from "@yardmaster/packet";
import { familyOf } from "../compiled.ts";
import { type BalancerPlan, type TunnelPlan, tunnelSources } from "../plan.ts";
import type { Destination } from "./destination.ts";
import { type Fate, forward } from "./forward.ts";
import type { ReadFrame, ReadPacket } from "./read-frame.ts";
import { oneHopOlder } from "./rewrite.ts";

/** ECN "congestion experienced" stays inside; outside begins "capable" (RFC 3168 §9.1.1). */
const outerTypeOfService = (inner: number): number => ((inner & 3) === 3 ? (inner & 0xfc) | 2 : inner);

/** What is to be known of a packet. */
type Flow = Pick<ReadFrame, "source" | "destination" | "sourcePort" | "destinationPort">;
type Inside = Flow & Pick<ReadFrame, "totalLength" | "isWhole">;

/** The number that tells flows apart, from the packet's addresses and ports as little-endian words. */
export function flowHash({ source, destination, sourcePort, destinationPort }: Flow): number {
  const words = [source, destination].flatMap((address) => {
    const bytes = addressBytes(address);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    return Array.from({ length: bytes.length / 4 }, (_, word) => view.getUint32(word * 4, true));
  });
  const swap = (port: number) => ((port & 0xff) << 8) | (port >> 8);
  const both = swap(sourcePort) | (swap(destinationPort) << 16);
  const mixed =
    Math.imul(
      words.reduce((sum, word) => sum ^ word, 0),
      0x9e37_79b1,
    ) ^ both;
  return Math.imul(mixed ^ (mixed >>> 15), 0x85eb_ca6b) >>> 0;
}

/** Where the outer packet comes from: the director's address, some low bits of which may tell flows apart. */
function sourceOf(server: string, spreadBits: number, read: Flow): Uint8Array {
  const source = addressBytes(tunnelSources[familyOf(server)]).slice();
  const hash = new DataView(new ArrayBuffer(4));
  hash.setUint32(0, flowHash(read), true);
  const last = new DataView(source.buffer, source.byteOffset + source.length - 4);
  last.setUint32(0, (last.getUint32(0) | (hash.getUint32(0) & (2 ** spreadBits - 1))) >>> 0);
  return source;
}

/**
 * A frame, already with the MAC addresses and tags that it is to have, with its packet inside a tunnel to `server`. The
 * identification of IPv4 is 0, see `withoutChance`.
 */
export function wrapped(
  bytes: Uint8Array,
  read: Inside,
  server: string,
  plan: TunnelPlan = {},
  spareHops = 0,
): Uint8Array {
  const { encapsulation = "ipip", hasChecksum = false, port = 6080, spreadBits = 0 } = plan;
  const isV4 = familyOf(read.source) === "ipv4";
  const type = isV4 ? 0x0800 : 0x86dd;
  let ipAt = 14;
  while (new DataView(bytes.buffer, bytes.byteOffset).getUint16(ipAt - 2) !== type) ipAt += 4;
  const inside = bytes.subarray(ipAt, ipAt + read.totalLength);
  const typeOfService = isV4
    ? (inside[1] as number)
    : (((inside[0] as number) & 15) << 4) | ((inside[1] as number) >> 4);
  const hops = (inside[isV4 ? 8 : 7] as number) + spareHops;
  const protocol = { ipip: isV4 ? 4 : 41, gue: 17, gre: 47 }[encapsulation];
  const ends = { source: sourceOf(server, spreadBits, read), destination: addressBytes(server), protocol };
  const outer =
    familyOf(server) === "ipv4"
      ? ipv4({
          ...ends,
          ...{ ttl: hops, identification: 0, dontFragment: isV4 && read.isWhole },
          typeOfService: outerTypeOfService(typeOfService),
        })
      : ipv6({ ...ends, hopLimit: hops, trafficClass: outerTypeOfService(typeOfService) });
  const own = {
    ipip: [],
    gue: [
      udp({
        ...{ sourcePort: 0xc000 | (flowHash(read) >>> 18), destinationPort: port },
        ...(hasChecksum ? {} : { checksum: 0 }),
      }),
      gue({ protocol: isV4 ? 4 : 41 }),
    ],
    gre: [gre({ protocol: type, ...(hasChecksum && { checksum: "computed" as const }) })],
  }[encapsulation];
  const link = bytes.slice(0, ipAt);
  link.set(familyOf(server) === "ipv4" ? [0x08, 0x00] : [0x86, 0xdd], ipAt - 2);
  return Uint8Array.of(...link, ...frame(outer, ...own, inside), ...bytes.subarray(ipAt + read.totalLength));
}

/** What tells flows apart besides addresses: ports, which only the first of several fragments has. */
function portsOf(read: ReadPacket & Flow): Pick<Flow, "sourcePort" | "destinationPort"> {
  return read.fragment === undefined ? read : { sourcePort: 0, destinationPort: 0 };
}

/** What becomes of a client's packet, or of an error about an answer, that goes to a destination through its tunnel. */
export function tunnelled(
  plan: BalancerPlan,
  frame: Uint8Array,
  read: ReadPacket & Flow,
  { address, tunnel, hop }: Destination,
): Fate {
  if (tunnel?.source === "none") return { verdict: "drop", reason: "noTunnelSource" };
  if (read.ttl <= 1) return { verdict: "drop", reason: "timeToLiveExceeded" };
  const fate = forward(plan, frame, read, hop, "exceedsMtu");
  if (!("frame" in fate)) return fate;
  if (plan.shape?.hook === "tc" && read.tags.length > 1) return { verdict: "drop", reason: "vlanMismatch" };
  // The stack counts a hop outside.
  const [bytes, spareHops] = fate.verdict === "pass" ? [oneHopOlder(fate.frame, read), 1] : [fate.frame, 0];
  const isWhole = read.isWhole && plan.settings?.pathMtuDiscovery !== false;
  return { ...fate, frame: wrapped(bytes, { ...read, ...portsOf(read), isWhole }, address, tunnel, spareHops) };
}

/** The same of a packet without ports: what stands in their place tells its flow. */
export function tunnelledFollower(plan: BalancerPlan, frame: Uint8Array, read: ReadPacket, to: Destination): Fate {
  const view = new DataView(frame.buffer, frame.byteOffset + read.transportAt, frame.length - read.transportAt);
  const word = (at: number) => (view.byteLength < 4 ? 0 : view.getUint16(at));
  return tunnelled(plan, frame, { ...read, sourcePort: word(0), destinationPort: word(2) }, to);
}
