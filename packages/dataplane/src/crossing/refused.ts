// What steps of packets that change their address family return in the place of a verdict.

import { type Bool, type Int, type Verdict, verdict } from "@yardmaster/ebpf";
import { Refusal } from "../answer/refusal.ts";
import { numberOf } from "../errand.ts";

/** The upper two bits say so, which no verdict has so (tc's "go on" has all bits): the others note the answer. */
const REFUSED = 0x4000_0000;
const REFUSED_MASK = 0xc000_0000;

/** What says so. */
export function refused(...answer: Parameters<Refusal["set"]>): Verdict {
  const refusal = new Refusal();
  refusal.set(...answer);
  return verdict(refusal.note.or(REFUSED));
}

/** Whether a step said so. */
export function isRefused(outcome: Verdict): Bool {
  return numberOf(outcome).and(REFUSED_MASK).eq(REFUSED);
}

/** What the packet is to be answered with, if so. */
export function noteOf(outcome: Verdict): Int<"u32"> {
  return numberOf(outcome).toU32().xor(REFUSED);
}
