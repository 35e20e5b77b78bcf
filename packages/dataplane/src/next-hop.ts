// The way out: interface and MAC addresses for an address. Asked of the kernel's routing at most once
// a second for each cached hop, so that no netlink is needed and changes of routes are followed.

import {
  be16,
  type Bool,
  bytes,
  choose,
  fibLookup,
  guard,
  type Int,
  type Reference,
  stack,
  struct,
  u16,
  u32,
  u8,
  when,
} from "@yardmaster/ebpf";
import { type Address, AnyAddress, copyAddress } from "./address.ts";
import type { FamilyName } from "./family.ts";
import type { Parsed } from "./parse.ts";
import { reasons } from "./reasons.ts";
import { limitedByPath, type LoadReference } from "./path-mtu.ts";
import type { BalancerMaps, NextHop } from "./schema.ts";

/** struct bpf_fib_lookup (include/uapi/linux/bpf.h), 64 bytes. */
const FibLookup = struct("bpf_fib_lookup", {
  family: u8,
  protocol: u8,
  sourcePort: be16,
  destinationPort: be16,
  /** In: the packet's length, 0 for no check. Out: the MTU of the route. */
  length: u16,
  /** In: where the packet came in. Out: where it goes. */
  ifindex: u32,
  /** IPv4: type of service. IPv6: traffic class and flow label. */
  classAndFlow: u32,
  source: AnyAddress,
  destination: AnyAddress,
  vlan: u32,
  sourceMac: bytes(6),
  destinationMac: bytes(6),
});
/** AF_INET and AF_INET6 (include/linux/socket.h). */
const ADDRESS_FAMILIES: Readonly<Record<FamilyName, number>> = { ipv4: 2, ipv6: 10 };
/** BPF_FIB_LKUP_RET_* (include/uapi/linux/bpf.h). */
const FIB_NOT_FORWARDED = 4;
const FIB_FORWARDING_DISABLED = 5;
const FIB_NO_NEIGHBOUR = 7;
const NOTHING = new Uint8Array(6);
const NO_ADDRESS = [0, 0, 0, 0];

type HopReference = Reference<typeof NextHop.fields>;

/** Where a packet goes, and what is known about the way there. */
export interface WayOut {
  readonly target: Address;
  readonly hop: HopReference;
  /** What is cached in `hop` is of another target: ask again, however young it is. */
  readonly isOther: Bool;
  /** What routing is asked with as the source. Default: the packet's. */
  readonly source?: Address;
  /** Family of target and source, 4 or 6. Default: the packet's. */
  readonly version?: Int<"u32">;
  /** Bytes that a tunnel adds, which the MTU of the hop leaves out. Default: none. */
  readonly overhead?: Int<"u32">;
  /** Where a smaller MTU of the way may be known. */
  readonly load?: () => LoadReference;
}

/**
 * Makes `hop` good for `target`; `unresolved` runs where the kernel has yet to resolve a neighbour: what is in `hop` is
 * then good for nothing.
 */
export function resolve(
  maps: BalancerMaps,
  parsed: Parsed,
  way: WayOut,
  now: Int<"u32">,
  unresolved: () => void,
): void {
  const { hop, isOther } = way;
  const age = now.sub(hop.refreshedAt);
  const isStale = hop.ifindex.eq(0).or(age.ge(maps.settings.value.ticksPerSecond));
  when(isOther.or(isStale), () => askRouting(maps, parsed, way, now, unresolved), { isRare: true });
}

function askRouting(
  maps: BalancerMaps,
  parsed: Parsed,
  { target, hop, source = parsed.network.source, version, overhead, load }: WayOut,
  now: Int<"u32">,
  unresolved: () => void,
): void {
  const content = {
    family: version === undefined ? ADDRESS_FAMILIES[parsed.network.family.name] : addressFamily(version),
    protocol: 0,
    sourcePort: 0,
    destinationPort: 0,
    length: 0,
    ifindex: parsed.packet.ingressIfindex(),
    classAndFlow: 0,
    source: NO_ADDRESS,
    destination: NO_ADDRESS,
    vlan: 0,
    sourceMac: NOTHING,
    destinationMac: NOTHING,
  };
  // In the bytes of the packet's flow, which nobody asks for behind this point.
  const question = stack(FibLookup, content, { share: "flow" });
  copyAddress(question.source, source);
  copyAddress(question.destination, target);
  const answer = fibLookup(parsed.packet, question, 0);
  when(answer.ne(0), () => {
    hop.ifindex = u32(0);
    guard(answer.ne(FIB_FORWARDING_DISABLED)).orDrop(reasons.forwardingDisabled);
    guard(answer.eq(FIB_NO_NEIGHBOUR).or(answer.eq(FIB_NOT_FORWARDED))).orDrop(reasons.noRoute);
    unresolved();
  }).otherwise(() => {
    const mtu = question.length.toU32();
    const limited = load === undefined ? mtu : limitedByPath(maps, load(), mtu, now);
    hop.refreshedAt = now;
    hop.mtu =
      overhead === undefined ? limited.toU16() : choose(limited.gt(overhead), limited.sub(overhead), u32(0)).toU16();
    hop.ifindex = question.ifindex;
    hop.vlan = be16(0);
    hop.macs.destination = question.destinationMac;
    hop.macs.source = question.sourceMac;
    maps.vlanDevices.lookup({ ifindex: question.ifindex }).then((device) => {
      hop.ifindex = device.ifindex;
      hop.vlan = device.vlan;
    });
  });
}

function addressFamily(version: Int<"u32">): Int<"u8"> {
  return choose(version.eq(6), u32(ADDRESS_FAMILIES.ipv6), u32(ADDRESS_FAMILIES.ipv4)).toU8();
}
