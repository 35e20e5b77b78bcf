// What unwrapping looks up and counts.
import { arrayMap, be16, hashMap, list, lpmTrie, be32, type Reason, struct, u32, u64, u8 } from "@yardmaster/ebpf";
import { Address, wordsOf } from "../addresses.ts";
import type { VirtualService } from "../options.ts";

/** What became of packets in tunnels, by its place in the map of counters; those before `firstDrop` go to the stack. */
export const unwrapReasonNames = [
  "unwrapped",
  "fromStranger",
  "noService",
  "outerFragment",
  "malformed",
  "badChecksum",
  "congestion",
  "noRoom",
] as const;
type ReasonName = (typeof unwrapReasonNames)[number];

const reason = (name: ReasonName): Reason => ({ name, code: unwrapReasonNames.indexOf(name) });

/** The reasons of unwrapping, by name. */
export const reasons = {
  unwrapped: reason("unwrapped"),
  /** A tunnel from a host that is no director. */
  fromStranger: reason("fromStranger"),
  /** What is inside is for none of our services. */
  noService: reason("noService"),
  /** A piece of a tunnelled packet: directors send none, and pieces cannot be unwrapped. */
  outerFragment: reason("outerFragment"),
  /** Headers that contradict one another, or have parts that nobody understands. */
  malformed: reason("malformed"),
  badChecksum: reason("badChecksum"),
  /** The network marked the packet as congested, and its sender does not know such marks (RFC 6040, 4.2). */
  congestion: reason("congestion"),
  noRoom: reason("noRoom"),
} as const satisfies Readonly<Record<ReasonName, Reason>>;

const Counter = struct("counter", { packets: u64 });
const Allowed = struct("allowed", { unused: u32 });

/** What is inside is looked up as: address, port, protocol. Zero for any port, or any protocol and port. */
export const Service = struct("service", { address: list(be32, 4), port: be16, protocol: u8, unused: u8 });
/** The "protocol" of an entry for what has no port: ICMP, fragments. */
export const ADDRESS_ONLY = 255;

/** Hosts that may send us packets in tunnels. */
export const directors = lpmTrie("rs_tunnellers", Address, Allowed, 1024);
export const services = hashMap("rs_services", Service, Allowed, 4096);
/** Packets by reason, per CPU. */
export const unwrapCounts = arrayMap("rs_counts", Counter, unwrapReasonNames.length, { perCpu: true });

const PROTOCOLS = { tcp: 6, udp: 17 } as const;

/** The keys of a service in `services`. */
export function serviceKeys({ address, port, protocol }: VirtualService) {
  const words = wordsOf(address);
  const key = (keyPort: number, keyProtocol: number) => ({
    address: words,
    port: keyPort,
    protocol: keyProtocol,
    unused: 0,
  });
  const numbers = protocol === undefined ? [PROTOCOLS.tcp, PROTOCOLS.udp] : [PROTOCOLS[protocol]];
  return [key(0, ADDRESS_ONLY), ...numbers.map((number) => key(port ?? 0, number))];
}
