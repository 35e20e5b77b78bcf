// The way out: interface and MAC addresses for an address. Asked of the kernel's routing at most once
// a second for each cached hop, so that no netlink is needed and changes of routes are followed.

import {
  be16,
  be32,
  bytes,
  drop,
  fibLookup,
  guard,
  type Int,
  leave,
  type Net,
  pass,
  type Reference,
  stack,
  struct,
  u16,
  u32,
  u8,
  when,
} from "@yardmaster/ebpf";
import type { ForwardingMethod } from "./forward/method.ts";
import type { Parsed } from "./parse.ts";
import { reasons } from "./reasons.ts";
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
  typeOfService: u32,
  source: be32,
  sourceRest: bytes(12),
  destination: be32,
  destinationRest: bytes(12),
  vlan: u32,
  sourceMac: bytes(6),
  destinationMac: bytes(6),
});
const AF_INET = 2;
/** BPF_FIB_LKUP_RET_* (include/uapi/linux/bpf.h). */
const FIB_NOT_FORWARDED = 4;
const FIB_FORWARDING_DISABLED = 5;
const FIB_NO_NEIGHBOUR = 7;
const NOTHING = new Uint8Array(12);

type HopReference = Reference<typeof NextHop.fields>;

/** Makes `hop` good for `target`, or leaves with the method's verdict. */
export function resolve(
  maps: BalancerMaps,
  parsed: Parsed,
  method: ForwardingMethod,
  hop: HopReference,
  target: Net<"be32">,
  now: Int<"u32">,
): void {
  const age = now.sub(hop.refreshedAt);
  when(
    hop.address.ne(target).or(age.ge(maps.settings.value.ticksPerSecond)),
    () => {
      const content = {
        family: AF_INET,
        protocol: 0,
        sourcePort: 0,
        destinationPort: 0,
        length: 0,
        ifindex: parsed.packet.ingressIfindex(),
        typeOfService: 0,
        source: parsed.ip.source,
        sourceRest: NOTHING,
        destination: target,
        destinationRest: NOTHING,
        vlan: 0,
        sourceMac: NOTHING.subarray(0, 6),
        destinationMac: NOTHING.subarray(0, 6),
      };
      const question = stack(FibLookup, content, { share: "fib" });
      const answer = fibLookup(parsed.packet, question, 0);
      when(answer.ne(0), () => {
        hop.address = be32(0);
        leaveUnresolved(method, answer);
      });
      hop.address = target;
      hop.refreshedAt = now;
      hop.mtu = question.length;
      hop.ifindex = question.ifindex;
      hop.vlan = be16(0);
      hop.macs.destination = question.destinationMac;
      hop.macs.source = question.sourceMac;
      maps.vlanDevices.lookup({ ifindex: question.ifindex }).then((device) => {
        hop.ifindex = device.ifindex;
        hop.vlan = device.vlan;
      });
    },
    { isRare: true },
  );
  guard(parsed.ip.totalLength.toHost().le(hop.mtu)).orLeave(
    method.whenTooLarge.verdict === "pass" ? pass(method.whenTooLarge.reason) : drop(method.whenTooLarge.reason),
  );
}

function leaveUnresolved(method: ForwardingMethod, answer: Int<"u64">): void {
  guard(answer.ne(FIB_FORWARDING_DISABLED)).orDrop(reasons.forwardingDisabled);
  guard(answer.eq(FIB_NO_NEIGHBOUR).or(answer.eq(FIB_NOT_FORWARDED))).orDrop(reasons.noRoute);
  const { verdict, reason } = method.whileUnresolved;
  leave(verdict === "pass" ? pass(reason) : drop(reason));
}
