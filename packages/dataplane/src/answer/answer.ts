// The end of the road for packets that are answered instead of forwarded: the answer goes back to where the packet
// came from, unless there have been too many in this second.

import { drop, guard, type Int, leave, Packet, TcPacket, u32, verdict, verdictFn, when } from "@yardmaster/ebpf";
import { copyAddress } from "../address.ts";
import { networkHeader } from "../network-header.ts";
import { parseFrame, type Parsed, parseTransport } from "../parse.ts";
import { countInSecond } from "../rate.ts";
import { reasons } from "../reasons.ts";
import type { BalancerShape } from "../shape.ts";
import { makeIcmpError } from "./icmp-error.ts";
import { Refusal } from "./refusal.ts";
import { returnLinkLayer } from "./link-layer.ts";
import { pendingSum } from "./pending-sum.ts";
import { withServer } from "../stray.ts";
import { makeReset } from "./reset.ts";
import { whereTo } from "../errand.ts";
import type { SendingRoad } from "../sending.ts";

/**
 * Answers a packet as its refusal notes, unless there have been too many answers. What it returns for an answer that
 * goes to a server, by routing, is `whereTo.server`.
 */
export type Answer = ReturnType<typeof answerFunction>;

/**
 * The function that answers packets of a family. It reads the packet again: few are answered. What with is told by way
 * of memory: where functions are not global, the verifier would walk through this one once for each note.
 */
export function answerFunction(road: SendingRoad) {
  const { maps, family } = road;
  const answerAsNoted = answerAsNotedFunction(road);
  return ({ packet, note, now }: { readonly packet: Packet; readonly note: Int<"u32">; readonly now: Int<"u32"> }) => {
    maps[family.name].errands.lookup(0).orDrop(reasons.internal).note = note;
    return answerAsNoted({ packet, now });
  };
}

function answerAsNotedFunction(road: SendingRoad) {
  const { maps, shape, family } = road;
  return verdictFn(
    `answer${family.digit}`,
    { packet: Packet, now: u32 },
    ({ packet, now }) => {
      const before = countInSecond(maps, maps.tallies.value.answers, now);
      guard(before.lt(maps.settings.value.answersPerSecond)).orDrop(reasons.tooManyAnswers);
      const errand = maps[family.name].errands.lookup(0).orDrop(reasons.internal);
      const refusal = new Refusal(errand.note);
      const read = (): Parsed => {
        const frame = parseFrame(packet, shape);
        const network = networkHeader(family, packet, frame.networkOffset, () => undefined);
        return parseTransport(frame, network, () => leave(drop(reasons.internal)));
      };
      const pending = packet instanceof TcPacket ? pendingSum(packet, read()) : undefined;
      const parsed = read();
      when(refusal.is("reset"), () => {
        makeReset(parsed, pending);
        sendBack(packet, shape);
      });
      const { network, ports, protocol, networkOffset } = parsed;
      const sender = errand.ends.service;
      copyAddress(sender, network.destination);
      when(refusal.is("serverUnreachable"), () => {
        const flow = { source: network.source, sourcePort: ports.source, protocol: protocol.toU32() };
        withServer(maps, family, flow, ({ tunnelSource }) => copyAddress(sender, tunnelSource));
      });
      makeIcmpError(parsed, refusal, { sender, pending });
      when(refusal.is("serverUnreachable"), () => {
        // As it came, so that the next step finds it to be for this machine.
        returnLinkLayer(packet, networkOffset, 0);
        leave(verdict(u32(whereTo.server)));
      });
      sendBack(packet, shape);
      return drop(reasons.internal);
    },
    { isGlobal: true },
  );
}

/** Sends a packet where it came from, and leaves. */
export function sendBack(packet: Packet, shape: BalancerShape): void {
  leave(shape.sendBack === "redirect" ? packet.sendTo(packet.ingressIfindex()) : packet.sendBack());
}
