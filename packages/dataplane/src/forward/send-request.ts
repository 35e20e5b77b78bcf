// The road of a client's packet once its connection is found: next hop, time to live, MTU, what the forwarding method
// does to it, and out.

import { drop, guard, type Int, leave, pass, u32, when } from "@yardmaster/ebpf";
import { crossesFrom } from "../crossing/crossing.ts";
import { CLEAN } from "../crossing/clean.ts";
import { isRefused, noteOf } from "../crossing/refused.ts";
import type { ConnectionReference } from "../life.ts";
import { resolve } from "../next-hop.ts";
import { lengthOnWire } from "../parse.ts";
import { reasons } from "../reasons.ts";
import type { Road } from "../road.ts";
import { hasFeature } from "../shape.ts";
import { transmit } from "../transmit.ts";
import type { ForwardingMethod } from "./method.ts";
import { withClientAddress } from "./client-address.ts";
import { countedPath } from "./counters.ts";
import { methods } from "./registry.ts";
import { numberOf } from "../errand.ts";
import type { Traveller } from "../sending.ts";

/** Sends a client's packet to its connection's destination, and leaves; or notes why it is refused. */
export function sendRequest(road: Road, traveller: Traveller, connection: () => ConnectionReference): void {
  const { parsed, now } = traveller;
  road.remember(parsed, now);
  const { source: client, destination: service } = parsed.network;
  road.clamp?.({ parsed, connection: connection(), ends: { client, service }, from: "client", now });
  for (const name of road.shape.methods) {
    const method = methods[name];
    when(connection().method.eq(method.code), () => {
      unlessCrossing(method, road, connection(), () => sendBy(method, road, traveller, connection()));
    });
  }
  if (road.crossing === undefined) return;
  const { flow, refusal } = traveller;
  const { clean, request } = road.crossing;
  // All others have left by now, or are refused.
  when(
    refusal.isSet.not(),
    () => {
      if (clean !== undefined) {
        const cleaned = clean({ packet: parsed.packet, flow });
        guard(numberOf(cleaned).eq(CLEAN)).orLeave(cleaned);
      }
      const sent = request({ packet: parsed.packet, flow, now });
      guard(isRefused(sent)).orLeave(sent);
      refusal.note = noteOf(sent);
    },
    { isRare: true },
  );
}

/** Runs `body` unless the method translates and the connection's server is of the other family. */
function unlessCrossing(
  method: ForwardingMethod,
  { maps, family, crossing }: Road,
  connection: ConnectionReference,
  body: () => void,
): void {
  if (crossing === undefined || !method.hasLocalAddress) return body();
  const { flags } = maps.destinations.lookup(connection.destination).orDrop(reasons.internal);
  when(crossesFrom(family, flags).not(), body);
}

function sendBy(
  method: ForwardingMethod,
  road: Road,
  { parsed, now, refusal }: Traveller,
  connection: ConnectionReference,
): void {
  const { network } = parsed;
  const path = countedPath(road.maps, connection, network.length);
  const request = method.request({ maps: road.maps, shape: road.shape, parsed, connection, wrap: road.wrap });
  const { hop } = path;
  // The code of a reason to leave the packet to the stack, changed as it is by then, and one more; 0: there is none.
  // Not in a register: the verifier would go on to the end once for each value that it can have.
  const passing = {
    get: () => path.passing,
    set: (code: Int<"u32">): void => {
      path.passing = code;
    },
  };
  passing.set(u32(0));
  const change = (): void => {
    const told = { maps: road.maps, parsed, connection, hop, method };
    const finish = hasFeature(road.shape, "toa") ? withClientAddress(told) : undefined;
    // A tunnel hides the options, and moves the checksum that covers them.
    if (method.name === "tun") {
      finish?.();
      if (road.clamp !== undefined) parsed.packet.settle();
    }
    request.change?.(passing.get());
    if (method.name !== "tun") finish?.();
  };
  const giveUp = ({ verdict, reason }: ForwardingMethod["whenTooLarge"]): void => {
    if (verdict === "drop") leave(drop(reason));
    else if (method.agesPassing !== true) passing.set(u32(reason.code + 1));
    else {
      when(network.hops.le(1), () => refusal.set("timeExceeded")).otherwise(() => {
        network.decrementHops();
        passing.set(u32(reason.code + 1));
      });
    }
  };
  const mayBeDivided = request.mayBeDivided ?? (() => network.mayBeFragmented);
  const way = { ...request, hop, isOther: u32(0).ne(0) };
  resolve(road, parsed, way, now, {
    unresolved: () => giveUp(method.whileUnresolved),
    change,
  });
  when(passing.get().eq(0), () => {
    when(network.hops.le(1), () => refusal.set("timeExceeded"), { isRare: true }).otherwise(() => {
      const refuse = (): void => {
        network.decrementHops();
        refusal.set("tooBig", hop.mtu.toU32());
      };
      when(
        lengthOnWire(parsed).gt(hop.mtu),
        () => when(mayBeDivided(), () => giveUp(method.whenTooLarge)).otherwise(refuse),
        { isRare: true },
      ).otherwise(() => network.decrementHops());
    });
  });
  when(refusal.isSet.not(), () => {
    change();
    when(
      passing.get().ne(0),
      () => {
        parsed.packet.settle();
        leave(pass(passing.get().sub(1)));
      },
      { isRare: true },
    );
    leave(transmit(road, parsed, hop));
  });
}
