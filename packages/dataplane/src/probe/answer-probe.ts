// A server's answer to a health check that went through the data plane: back to the check's socket, as from the address
// that it wrote to. Looked for only where a packet belongs to no connection.

import { drop, guard, leave, Packet, stack, type Verdict, verdictFn } from "@yardmaster/ebpf";
import { OPENING } from "../flows.ts";
import { translate } from "../forward/translate.ts";
import { networkHeader } from "../network-header.ts";
import { type Parsed, parseFrame, parseTransport } from "../parse.ts";
import { reasons } from "../reasons.ts";
import { transmit } from "../transmit.ts";
import { findProbe } from "./find-probe.ts";
import type { SendingRoad, Traveller } from "../sending.ts";

/** Sends a server's packet to the check that it answers. */
export type AnswerProbe = ReturnType<typeof answerProbeFunction>;

/** The function that does, for packets of a family. It reads the packet again: few are answers to checks. */
export function answerProbeFunction(road: SendingRoad) {
  const { shape, family } = road;
  return verdictFn(
    `probe_answer${family.digit}`,
    { packet: Packet, entry: family.ProbeFlow },
    ({ packet, entry }) => {
      const frame = parseFrame(packet, shape);
      const network = networkHeader(family, packet, frame.networkOffset);
      const parsed = parseTransport(frame, network, () => leave(drop(reasons.internal)));
      translate(parsed, {
        source: { address: entry.probe, port: entry.probePort },
        destination: { address: entry.client, port: entry.clientPort },
      });
      return sendToCheck(road, parsed);
    },
    { isGlobal: true },
  );
}

/** Sends a packet that is addressed to a check's socket by now. Its hops stay: they are for the way to this machine. */
export function sendToCheck(road: SendingRoad, parsed: Pick<Parsed, "packet" | "networkOffset">): Verdict {
  const hop = road.maps.probeBack.lookup(0).orDrop(reasons.internal);
  guard(hop.ifindex.ne(0)).orDrop(reasons.checkBroken);
  return transmit(road, parsed, hop);
}

/**
 * Leaves with a packet that belongs to a check: an answer, or what a server sent on that should have taken it for its
 * own. Scheduled as a client's it would come to a server that takes it, and the check would find nothing amiss.
 */
export function leaveWithProbes(
  { maps, family, answerProbe }: SendingRoad & { readonly answerProbe: AnswerProbe },
  { parsed, flow, now }: Traveller,
): void {
  findProbe(maps, family, { flow, now }, (entry) => leave(answerProbe({ packet: parsed.packet, entry })));
  const back = {
    source: flow.destination,
    destination: flow.source,
    sourcePort: flow.destinationPort,
    destinationPort: flow.sourcePort,
    protocol: flow.protocol,
  };
  const answer = stack(family.FlowKey, back, OPENING);
  findProbe(maps, family, { flow: answer, now }, () => leave(drop(reasons.checkSentOn)));
}
