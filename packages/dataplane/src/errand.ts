// What the steps of a packet that follows another's connection tell each other (follow-flow.ts): through the errand, a
// value that they share, and by the number that a step returns.

import type { Int, Reference, Verdict } from "@yardmaster/ebpf";
import type { Family } from "./family.ts";

/** What the first step returns in the place of a verdict, none of which is so large: whom the packet is for. */
export const whereTo = {
  server: 0x1_0001,
  client: 0x1_0002,
  onward: 0x1_0003,
  unknown: 0x1_0004,
  probe: 0x1_0005,
  /** A server, or a client, of the other address family. */
  serverAcross: 0x1_0006,
  clientAcross: 0x1_0007,
} as const;

/** What the steps tell each other: the flow that is followed, and the ends of a reply. */
export type ErrandReference = Reference<Family["Errand"]["fields"]>;

/** What a function of the program returned: a verdict, or where the packet is to go. */
export function numberOf(returned: Verdict): Int {
  if (returned.action !== "value") throw new Error("functions return numbers");
  return returned.value;
}
