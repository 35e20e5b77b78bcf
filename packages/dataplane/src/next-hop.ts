// The way out: interface and MAC addresses for an address. Asked of the kernel's routing at most once
// a second for each cached hop, so that no netlink is needed and changes of routes are followed.

import {
  be16,
  type Bool,
  bytes,
  choose,
  fibLookup,
  fn,
  guard,
  type Int,
  leave,
  Packet,
  type Reference,
  returnValue,
  stack,
  struct,
  TcPacket,
  u16,
  u32,
  u8,
  variable,
  when,
} from "@yardmaster/ebpf";
import { type Address, AnyAddress, copyAddress } from "./address.ts";
import type { Family, FamilyName } from "./family.ts";
import { Ethernet } from "./headers.ts";
import { failure, leaveUnless, RESOLVED, UNRESOLVED, WAITS } from "./outcome.ts";
import type { Parsed } from "./parse.ts";
import { reasons } from "./reasons.ts";
import { limitedByPath, type LoadReference } from "./path-mtu.ts";
import { type BalancerMaps, NextHop } from "./schema.ts";

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

type HopReference = Reference<typeof NextHop.fields>;

/** struct bpf_redir_neigh (include/uapi/linux/bpf.h): 20 bytes. */
const Neighbour = struct("bpf_redir_neigh", {
  /** AF_INET or AF_INET6. */
  family: u32,
  address: AnyAddress,
});

/** What routing is asked: of either family, so that there is one function for both. */
const Destined = struct("destined", {
  source: AnyAddress,
  /** Out, of a next hop that is to be resolved: its address. */
  target: Neighbour,
  /** In: the current tick. Out, of a next hop that is to be resolved: the interface to it. */
  nowOrIfindex: u32,
});

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
 * Asks the kernel's routing: RESOLVED, with what it says in `hop`, UNRESOLVED or a failure. Under tc also WAITS:
 * interface and address of the next hop are known, and in what was asked.
 */
export type AskRouting = ReturnType<typeof askRoutingFunction>;
type Routing = { readonly maps: BalancerMaps; readonly askRouting: AskRouting };

/** What becomes of packets whose next hop the kernel has yet to resolve. */
export interface WhileUnresolved {
  /** Runs where the kernel says nothing of the way: what is in the hop is then good for nothing. */
  readonly unresolved: () => void;
  /** tc: the packet waits in the stack for the neighbour, after this. Its time to live is dealt with. */
  readonly change?: () => void;
  /** tc: the same where the caller sends it to the neighbour itself: it goes on after this. */
  readonly waits?: () => void;
}

/** Makes `hop` good for `target`, or does what is to be done meanwhile. Returns whom a waiting packet is to go to. */
export function resolve(
  routing: Routing,
  parsed: Pick<Parsed, "packet" | "network" | "networkOffset">,
  way: WayOut,
  now: Int<"u32">,
  meanwhile: WhileUnresolved,
): Reference<typeof Destined.fields> {
  const { hop, isOther } = way;
  // In the bytes of the packet's flow, which nobody asks for behind this point.
  const destined = stack(Destined, undefined, { share: "flow" });
  const asks = isOther.or(isStale(routing.maps, hop, now));
  when(asks, () => ask(routing, parsed, way, { destined, now, ...meanwhile }), { isRare: true });
  return destined;
}

interface Asking extends WhileUnresolved {
  readonly destined: Reference<typeof Destined.fields>;
  readonly now: Int<"u32">;
}

/** Whether nothing is known of a way, or not of late. */
function isStale(maps: BalancerMaps, { ifindex, refreshedAt }: HopReference, now: Int<"u32">): Bool {
  return ifindex.eq(0).or(now.sub(refreshedAt).ge(maps.settings.value.ticksPerSecond));
}

/** A way that a packet does not take, or not yet. */
interface OtherWay extends Pick<WayOut, "target" | "hop" | "isOther"> {
  readonly source: Address;
}

/**
 * The MTU of another way, in bytes, as it is cached or else by asking; 0: it is not known. What is learned is not kept:
 * routing may have another answer for packets that come in elsewhere. In the frame of a function that does little else.
 */
export function mtuOf(
  { maps, askRouting, family }: Routing & { readonly family: Family },
  packet: Packet,
  { target, source, hop, isOther }: OtherWay,
  now: Int<"u32">,
): Int<"u32"> {
  const mtu = variable(hop.mtu.toU32());
  when(isOther.or(isStale(maps, hop, now)), () => {
    const destined = stack(Destined, undefined, { share: "other way" });
    copyAddress(destined.source, source);
    copyAddress(destined.target.address, target);
    destined.target.family = u32(ADDRESS_FAMILIES[family.name]);
    destined.nowOrIfindex = now;
    const content = {
      refreshedAt: 0,
      ifindex: 0,
      mtu: 0,
      vlan: be16(0),
      macs: { destination: NOTHING, source: NOTHING },
    };
    const found = stack(NextHop, content, { share: "other hop" });
    mtu.set(u32(0));
    when(askRouting({ packet, destined, hop: found }).eq(RESOLVED), () => mtu.set(found.mtu.toU32()));
  });
  return mtu.get();
}

function ask(
  { maps, askRouting }: Routing,
  { packet, network, networkOffset }: Pick<Parsed, "packet" | "network" | "networkOffset">,
  { target, hop, source = network.source, version, overhead, load }: WayOut,
  { destined, now, unresolved, change, waits }: Asking,
): void {
  copyAddress(destined.source, source);
  copyAddress(destined.target.address, target);
  const family = version === undefined ? u32(ADDRESS_FAMILIES[network.family.name]) : addressFamily(version);
  destined.target.family = family;
  destined.nowOrIfindex = now;
  const outcome = askRouting({ packet, destined, hop });
  const isKnown = (): void => {
    leaveUnless(outcome);
    if (load !== undefined) hop.mtu = limitedByPath(maps, load(), hop.mtu.toU32(), now).toU16();
    if (overhead !== undefined) hop.mtu = choose(hop.mtu.gt(overhead), hop.mtu.sub(overhead), u32(0)).toU16();
  };
  when(outcome.eq(UNRESOLVED), unresolved).otherwise(() => {
    if (!(packet instanceof TcPacket)) {
      isKnown();
      return;
    }
    when(outcome.eq(WAITS), () => {
      guard(networkOffset.eq(Ethernet.size)).orDrop(reasons.vlanMismatch);
      if (waits !== undefined) {
        waits();
        return;
      }
      guard(network.hops.gt(1)).orDrop(reasons.timeToLiveExceeded);
      network.decrementHops();
      change?.();
      guard(packet.popTag().eq(0)).orDrop(reasons.internal);
      leave(packet.sendToNeighbour(destined.nowOrIfindex, destined.target));
    }).otherwise(isKnown);
  });
}

/** The function that asks, for packets of both families. */
export function askRoutingFunction(maps: BalancerMaps) {
  return fn(
    "ask_routing",
    { packet: Packet, destined: Destined, hop: NextHop },
    u32,
    ({ packet, destined, hop }) => {
      const question = stack(FibLookup, {
        family: destined.target.family.toU8(),
        protocol: 0,
        sourcePort: 0,
        destinationPort: 0,
        // Of one byte: under tc a question without length is about the packet, and the answer that of the device.
        length: 1,
        ifindex: packet.ingressIfindex(),
        classAndFlow: 0,
        source: destined.source,
        destination: destined.target.address,
        vlan: 0,
        sourceMac: NOTHING,
        destinationMac: NOTHING,
      });
      const answer = fibLookup(packet, question, 0);
      when(answer.ne(0), () => {
        hop.ifindex = u32(0);
        guard(answer.ne(FIB_FORWARDING_DISABLED)).orReturn(failure(reasons.forwardingDisabled));
        guard(answer.eq(FIB_NO_NEIGHBOUR).or(answer.eq(FIB_NOT_FORWARDED))).orReturn(failure(reasons.noRoute));
        if (packet.hook === "tc") {
          // What routing knows already: the stack is told to send the packet there, and resolves.
          when(answer.eq(FIB_NO_NEIGHBOUR), () => {
            destined.target.family = question.family.toU32();
            destined.target.address = question.destination;
            destined.nowOrIfindex = question.ifindex;
            returnValue(WAITS);
          });
        }
        returnValue(UNRESOLVED);
      });
      hop.refreshedAt = destined.nowOrIfindex;
      hop.mtu = question.length;
      hop.ifindex = question.ifindex;
      hop.vlan = be16(0);
      hop.macs.destination = question.destinationMac;
      hop.macs.source = question.sourceMac;
      maps.vlanDevices.lookup({ ifindex: question.ifindex }).then((device) => {
        hop.ifindex = device.ifindex;
        hop.vlan = device.vlan;
      });
      return u32(RESOLVED);
    },
    { isGlobal: true },
  );
}

function addressFamily(version: Int<"u32">): Int<"u32"> {
  return choose(version.eq(6), u32(ADDRESS_FAMILIES.ipv6), u32(ADDRESS_FAMILIES.ipv4));
}
