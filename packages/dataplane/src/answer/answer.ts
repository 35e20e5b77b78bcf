// The end of the road for packets that are answered instead of forwarded: the answer goes back to where the packet
// came from, unless there have been too many in this second.

import { guard, type Int, leave, type Packet, redirect, tx, verdict, when } from "@yardmaster/ebpf";
import type { Parsed } from "../parse.ts";
import { countInSecond } from "../rate.ts";
import { reasons } from "../reasons.ts";
import type { BalancerMaps } from "../schema.ts";
import type { BalancerShape } from "../shape.ts";
import { makeIcmpError } from "./icmp-error.ts";
import type { Refusal } from "./refusal.ts";
import { makeReset } from "./reset.ts";

/** How an answer is to be made. */
export interface Answering {
  readonly maps: BalancerMaps;
  readonly shape: BalancerShape;
  readonly now: Int<"u32">;
}

/** Sends what the refusal says, and leaves. */
export function answer({ maps, shape, now }: Answering, parsed: Parsed, refusal: Refusal): void {
  const before = countInSecond(maps, maps.tallies.value.answers, now);
  guard(before.lt(maps.settings.value.answersPerSecond)).orDrop(reasons.tooManyAnswers);
  when(refusal.is("reset"), () => {
    makeReset(parsed);
    sendBack(parsed.packet, shape);
  });
  makeIcmpError(parsed, refusal);
  sendBack(parsed.packet, shape);
}

/** Sends a packet where it came from, and leaves. */
export function sendBack(packet: Packet, shape: BalancerShape): void {
  if (shape.sendBack === "redirect") leave(verdict(redirect(packet.ingressIfindex())));
  leave(tx());
}
