// The end of the road of a server's packet that changes its address family.

import { guard, type Int, leave, type Packet, type Verdict } from "@yardmaster/ebpf";
import type { Answer } from "../answer/answer.ts";
import { isRefused, noteOf } from "./refused.ts";

interface Answering {
  readonly packet: Packet;
  readonly now: Int<"u32">;
  readonly answer: Answer;
}

/** Leaves with what a step came to: its verdict, or the answer that it noted. */
export function leaveAcross({ packet, now, answer }: Answering, outcome: Verdict): void {
  guard(isRefused(outcome)).orLeave(outcome);
  leave(answer({ packet, note: noteOf(outcome), now }));
}
