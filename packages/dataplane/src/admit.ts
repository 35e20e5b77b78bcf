// Who may open a connection at all: which packets begin one, and what holds floods off. Rules that are IPVS's: shared
// behaviour reference §2 and §8.

import { atomic, guard, type Int, type Reference, returnValue, when } from "@yardmaster/ebpf";
import { IPPROTO_TCP, TCP_RST, TCP_SYN } from "./headers.ts";
import type { FlowReference } from "./life.ts";
import { failure } from "./outcome.ts";
import { countInSecond } from "./rate.ts";
import { reasons } from "./reasons.ts";
import { type BalancerMaps, type ServiceFields, Tallies } from "./schema.ts";
import { type BalancerShape, hasFeature } from "./shape.ts";

/** The port that active FTP sends data from. */
const FTP_DATA = 20;

/** Beside TCP's flags: not a packet of the flow, but an ICMP error about one that answers it. */
export const BY_ERROR = 0x100;

/** Returns from the function being built unless a packet of this kind opens connections. */
export function assertOpening(maps: BalancerMaps, flow: FlowReference, flags: Int<"u32">): void {
  const { sloppyTcp } = maps.settings.value;
  when(flow.protocol.eq(IPPROTO_TCP), () => {
    const isSyn = flags.and(TCP_SYN | TCP_RST).eq(TCP_SYN);
    const isSloppy = sloppyTcp.ne(0).and(flags.and(TCP_RST).eq(0));
    const isByError = flags.and(BY_ERROR).ne(0);
    guard(isSyn.or(isSloppy).or(isByError)).orReturn(failure(reasons.notOpening));
  });
}

/** Returns from the function being built where packets from FTP's data port open nothing and this is one. */
export function assertNotFtpData(maps: BalancerMaps, flow: FlowReference): void {
  const isRefused = flow.sourcePort.eq(FTP_DATA).and(maps.settings.value.refuseSourcePort20.ne(0));
  guard(isRefused.not()).orReturn(failure(reasons.sourcePort20));
}

/** Returns from the function being built where a share of new connections is dropped and this packet is of it. */
export function assertNotShed(maps: BalancerMaps, shape: BalancerShape): void {
  if (!hasFeature(shape, "dropPackets")) return;
  const { dropRate } = maps.settings.value;
  when(dropRate.ne(0), () => {
    // The very first is dropped, then one of every `dropRate`.
    const before = atomic(maps.tallies.value, Tallies, "opening").fetchAdd(1);
    guard(before.mod(dropRate).ne(0)).orReturn(failure(reasons.shed));
  });
}

/** Returns from the function being built where the service has taken all the connections that its caps allow. */
export function assertBelowCaps(
  maps: BalancerMaps,
  shape: BalancerShape,
  at: { readonly index: Int<"u32">; readonly service: Reference<ServiceFields>; readonly now: Int<"u32"> },
): void {
  if (!hasFeature(shape, "caps")) return;
  const { newPerSecond, halfOpenMaximum } = at.service;
  when(newPerSecond.or(halfOpenMaximum).ne(0), () => {
    const load = maps.serviceLoads.lookup(at.index).orReturn(failure(reasons.internal));
    // Below 0 where half-open connections have ended that a program without caps had opened, and not counted.
    const isCounted = load.halfOpen.isNegative().not();
    const isFull = halfOpenMaximum.ne(0).and(isCounted).and(load.halfOpen.ge(halfOpenMaximum));
    when(isFull, () => returnValue(failure(reasons.tooManyHalfOpen)));
    when(newPerSecond.ne(0), () => {
      guard(countInSecond(maps, load.opened, at.now).lt(newPerSecond)).orReturn(failure(reasons.tooManyNew));
    });
  });
}
