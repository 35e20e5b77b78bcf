// The packet's road from end to end: parse → find connection, or match a service and schedule →
// forward. Composes the stations; each has a file of its own.

import {
  drop,
  guard,
  leave,
  type Packet,
  type ProgramDefinition,
  pass,
  tc,
  type Verdict,
  when,
  xdp,
} from "@yardmaster/ebpf";
import { Refusal } from "./answer/refusal.ts";
import { currentTick } from "./clock.ts";
import { countVerdict } from "./count-verdict.ts";
import { families } from "./family.ts";
import { findConnection } from "./find-connection.ts";
import { sendRequest } from "./forward/send-request.ts";
import { etherTypes, networkHeader } from "./network-header.ts";
import { type Frame, parseFrame, parseTransport, READ_AHEAD } from "./parse.ts";
import { reasons } from "./reasons.ts";
import { commonFunctions, type Road, roadOf } from "./road.ts";
import type { BalancerMaps } from "./schema.ts";
import type { BalancerShape } from "./shape.ts";
import { numberOf, whereTo } from "./errand.ts";
import { flowOf } from "./sending.ts";
import { answeringClients } from "./forward/traits.ts";

/** The balancer for a shape, on these maps. */
export function balancer(maps: BalancerMaps, shape: BalancerShape): ProgramDefinition {
  const common = commonFunctions(maps, shape);
  const roads = shape.families.map((name) => roadOf(maps, shape, families[name], common));
  const body = (packet: Packet): Verdict => {
    packet.makeReadable(READ_AHEAD);
    const frame = parseFrame(packet, shape);
    for (const road of roads) {
      when(frame.type.eq(etherTypes[road.family.name]), () => travel(road, frame));
    }
    return pass(reasons.otherProtocol);
  };
  const define = shape.hook === "tc" ? tc : xdp;
  return define("yardmaster", body, { count: (reason) => countVerdict(maps, reason) });
}

/** The road of a packet of one family, to its end. */
function travel(road: Road, frame: Frame): void {
  const { maps, shape, family, answer, sendToServer, icmp, fragment } = road;
  const { packet, networkOffset } = frame;
  const network = networkHeader(family, packet, networkOffset, () => fragment(packet));
  const parsed = parseTransport(frame, network, () => {
    icmp(packet);
    leave(drop(reasons.internal));
  });
  const now = currentTick(maps, shape);
  const traveller = { parsed, flow: flowOf(family, parsed), now, refusal: new Refusal() };
  const connection = findConnection(road, traveller);
  when(traveller.refusal.isSet.not(), () => sendRequest(road, traveller, connection));
  guard(traveller.refusal.isSet).orDrop(reasons.internal);
  if (road.clamp !== undefined) packet.settle();
  const answered = answer({ packet, note: traveller.refusal.note, now });
  if (answeringClients(shape.methods).length > 0) {
    when(numberOf(answered).eq(whereTo.server), () => leave(sendToServer({ packet, now })));
  }
  leave(answered);
}
