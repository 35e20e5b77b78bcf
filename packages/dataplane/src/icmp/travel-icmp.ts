// The road of ICMP packets. Echo requests to virtual addresses are answered. Errors go where the packet that they quote
// came from: those about a server's answer to the server that gave it, those about a client's packet to the client.
// In steps that the program calls one after another, each of which reads the packet again: few packets are ICMP, and
// the frames of functions that call each other share 512 bytes.

import { leave, type Packet, type Verdict, when } from "@yardmaster/ebpf";
import { reasons } from "../reasons.ts";
import type { SendingRoad } from "../road.ts";
import { findErrorFunction, whereTo } from "./find-error.ts";
import { errorToClientFunction, errorToServerFunction } from "./send-error.ts";

/** Brings a packet that is neither TCP nor UDP to the end of its road, and leaves. */
export type TravelIcmp = (packet: Packet) => void;

/** The road of a family's ICMP packets. */
export function icmpRoad(road: SendingRoad): TravelIcmp {
  const { maps, family } = road;
  const find = findErrorFunction(road);
  const toServer = errorToServerFunction(road);
  const toClient = errorToClientFunction(road);
  return (packet) => {
    const errand = maps[family.name].errands.lookup(0).orDrop(reasons.internal);
    const connection = maps[family.name].opened.lookup(0).orDrop(reasons.internal);
    const found = find({ packet, errand, connection });
    when(numberOf(found).eq(whereTo.server), () => leave(toServer({ packet, connection })));
    when(numberOf(found).eq(whereTo.client), () => leave(toClient({ packet, errand, connection })));
    leave(found);
  };
}

/** What a function of the program returned: a verdict, or where the packet is to go. */
function numberOf(verdict: Verdict) {
  if (verdict.action !== "value") throw new Error("functions return numbers");
  return verdict.value;
}
