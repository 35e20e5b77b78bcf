// What a program that has just taken over must not judge yet: as long as tables are still being copied from the program
// before it, their newest connections are missing here. Packets of unknown flows would come to the stack, which resets
// them; dropped they come again. A time limit ends that should the control plane die in between.

import { fn, guard, type Int, leave, drop, returnValue, stack, u32, when } from "@yardmaster/ebpf";
import type { Family } from "./family.ts";
import { OPENING } from "./flows.ts";
import type { FlowReference } from "./life.ts";
import { reasons } from "./reasons.ts";
import type { BalancerMaps } from "./schema.ts";
import { matchService, NO_SERVICE } from "./service.ts";
import { type BalancerShape, hasFeature } from "./shape.ts";
import { hasLocalAddress } from "./forward/traits.ts";

/**
 * Whether a packet of a flow that is not in the table is to come again; undefined: programs of this shape never say.
 */
export type IsHeld = ReturnType<typeof holdFunction>;

/**
 * The function that tells, by 1: packets for a service, from a nat server, or for a port that full NAT may have given
 * out. Others are the machine's own.
 */
export function holdFunction(maps: BalancerMaps, shape: BalancerShape, family: Family) {
  if (!hasFeature(shape, "holdsUnknown")) return undefined;
  return fn(
    `held${family.digit}`,
    { flow: family.FlowKey, now: u32 },
    u32,
    ({ flow, now }) => {
      const { holdUntil } = maps.settings.value;
      guard(holdUntil.ne(0).and(holdUntil.sub(now).isNegative().not())).orReturn(0);
      guard(matchService(maps, maps[family.name], shape, flow).eq(NO_SERVICE)).orReturn(1);
      const server = { address: flow.source, port: flow.sourcePort, protocol: flow.protocol.toU16() };
      const { realServices } = maps[family.name];
      realServices.lookup(stack(family.ServiceKey, server, OPENING)).then(() => returnValue(1));
      if (hasLocalAddress(shape.methods)) when(isLocalPort(maps, flow), () => returnValue(1));
      return u32(0);
    },
    { isGlobal: true },
  );
}

/** Whether full NAT may have given out the port that a packet is for. */
function isLocalPort(maps: BalancerMaps, flow: FlowReference) {
  const { localPortFirst, localPortCount, localGapFirst, localGapCount } = maps.settings.value;
  const port: Int<"u32"> = flow.destinationPort.toHost().toU32();
  const isInGap = port.ge(localGapFirst).and(port.lt(localGapFirst.add(localGapCount)));
  const end = localPortFirst.add(localPortCount).add(localGapCount);
  return port.ge(localPortFirst).and(port.lt(end)).and(isInGap.not());
}

/** Drops a packet of an unknown flow that is to come again. */
export function leaveIfHeld({ isHeld }: { readonly isHeld: IsHeld }, flow: FlowReference, now: Int<"u32">): void {
  if (isHeld === undefined) return;
  when(isHeld({ flow, now }).ne(0), () => leave(drop(reasons.held)));
}
