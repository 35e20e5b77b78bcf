// Packets that are not sent by the program itself, once they are changed: they are the stack's.

import { guard, type Int, leave, type Packet, pass, TcPacket, when } from "@yardmaster/ebpf";
import type { resolve } from "../next-hop.ts";
import { reasons } from "../reasons.ts";

/** Beside the code of a reason to leave the packet to the stack and one more: it waits there for a neighbour (tc). */
export const WAITING = 0x1_0000;

/** Leaves a packet, `passing` not 0, to the stack, or to a neighbour that the stack resolves. */
export function leaveUnlessSent(packet: Packet, passing: Int<"u32">, waiting: ReturnType<typeof resolve>): void {
  if (packet instanceof TcPacket) {
    when(passing.eq(WAITING), () => {
      guard(packet.popTag().eq(0)).orDrop(reasons.internal);
      leave(packet.sendToNeighbour(waiting.nowOrIfindex, waiting.target));
    });
  }
  when(
    passing.ne(0),
    () => {
      packet.settle();
      leave(pass(passing.sub(1)));
    },
    { isRare: true },
  );
}
