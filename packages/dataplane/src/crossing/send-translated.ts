// The way out of a packet that changes its address family: next hop, time to live, MTU, translation, and out.

import { drop, guard, type Int, leave, u32, variable, type Verdict, when } from "@yardmaster/ebpf";
import type { Family } from "../family.ts";
import { leaveUnlessSent, WAITING } from "../forward/waiting.ts";
import { resolve, type WayOut } from "../next-hop.ts";
import { lengthOnWire, type Parsed } from "../parse.ts";
import { reasons } from "../reasons.ts";
import { transmit } from "../transmit.ts";
import { refused } from "./refused.ts";
import { DIFFERENCE, IPV6_LEAST_MTU, lengthIn } from "./translate-packet.ts";
import type { SendingRoad } from "../sending.ts";

/** A packet and where it goes. */
interface Sending {
  readonly parsed: Parsed;
  readonly now: Int<"u32">;
  /** Of the other family. */
  readonly way: Omit<WayOut, "version"> & Required<Pick<WayOut, "source">>;
  /**
   * Whether the stack is to have it, translated, where the kernel has yet to resolve the next hop. Default: dropped.
   */
  readonly passesUnresolved?: true;
  /** Translates it. */
  readonly change: () => void;
}

/**
 * Sends a packet to the other family, or leaves with what its sender is to be told. It is translated in one place of
 * the program, whatever becomes of it: the kernel's verifier walks through all of them.
 */
export function sendTranslated(road: SendingRoad, to: Family, sending: Sending): Verdict {
  const { parsed, now, way, change, passesUnresolved } = sending;
  const { network, packet } = parsed;
  const passing = variable(u32(0));
  when(network.hops.le(1), () => leave(refused("timeExceeded")), { isRare: true });
  const waiting = resolve(road, parsed, { ...way, version: u32(Number(to.digit)) }, now, {
    unresolved: () => {
      if (passesUnresolved === true) passing.set(u32(reasons.neighbourUnresolved.code + 1));
      else leave(drop(reasons.serverNeighbourUnresolved));
    },
    waits: () => passing.set(u32(WAITING)),
  });
  when(passing.get().eq(0), () => refuseTooLarge(parsed, to, way.hop.mtu.toU32()));
  // What passes has its hop counted by the stack.
  when(
    passing
      .get()
      .and(WAITING - 1)
      .eq(0),
    () => network.decrementHops(),
  );
  change();
  leaveUnlessSent(packet, passing.get(), waiting);
  return transmit(road, parsed, way.hop);
}

/**
 * Leaves with a packet that is larger than a way of the other family takes, of which `mtu` is the MTU: its sender is
 * told what that is in its own. No sender of IPv6 can be told less than 1280 bytes, and who lets routers divide is not
 * told.
 */
function refuseTooLarge(parsed: Parsed, to: Family, mtu: Int<"u32">): void {
  const { network } = parsed;
  const length = lengthOnWire(parsed);
  when(
    lengthIn(to, length).gt(mtu),
    () => {
      const told = variable(network.family.name === "ipv6" ? mtu.add(DIFFERENCE) : mtu.sub(DIFFERENCE));
      if (network.family.name === "ipv6") {
        when(told.get().lt(IPV6_LEAST_MTU), () => told.set(u32(IPV6_LEAST_MTU)));
      }
      guard(network.mayBeFragmented.or(length.le(told.get())).not()).orDrop(reasons.crossingExceedsMtu);
      network.decrementHops();
      leave(refused("tooBig", told.get()));
    },
    { isRare: true },
  );
}
