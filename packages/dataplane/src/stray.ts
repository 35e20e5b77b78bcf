// A packet from a nat server's address and port that belongs to no connection: left alone it would reach a client who
// knows nothing of that server. Where IPVS's nat_icmp_send asks for it the server is told. Rules: ip_vs_out_hook and
// ip_vs_has_real_service in net/netfilter/ipvs/ip_vs_core.c and ip_vs_ctl.c.

import { fn, guard, type Reference, returnValue, stack, u32, when } from "@yardmaster/ebpf";
import type { Destination } from "./destination.ts";
import type { Family } from "./family.ts";
import { OPENING } from "./flows.ts";
import { IPPROTO_TCP, TCP_RST } from "./headers.ts";
import type { FlowReference } from "./life.ts";
import type { BalancerMaps } from "./schema.ts";
import type { Traveller } from "./sending.ts";

type ServerFlow = Pick<FlowReference, "source" | "sourcePort" | "protocol">;

/** Whether a packet is such a one, to be answered. */
export type IsStray = ReturnType<typeof strayFunction>;

/** The function that tells, by 1: not of a reset, which needs no answer. It is asked only where the settings say. */
export function strayFunction(maps: BalancerMaps, family: Family) {
  return fn(
    `stray${family.digit}`,
    { flow: family.FlowKey, flags: u32 },
    u32,
    ({ flow, flags }) => {
      const isReset = flow.protocol.eq(IPPROTO_TCP).and(flags.and(TCP_RST).ne(0));
      guard(isReset.not()).orReturn(0);
      withServer(maps, family, flow, () => returnValue(1));
      return u32(0);
    },
    { isGlobal: true },
  );
}

/** Notes a refusal where the packet is such a one, with hops left: it would be routed on otherwise. */
export function refuseStray(
  { maps, isStray }: { readonly maps: BalancerMaps; readonly isStray: IsStray },
  { parsed, flow, refusal }: Traveller,
): void {
  const { network, flags } = parsed;
  when(maps.settings.value.natIcmpSend.ne(0).and(network.hops.gt(1)), () => {
    when(isStray({ flow, flags }).ne(0), () => {
      // The stack takes the hop off before IPVS sees the packet.
      network.decrementHops();
      refusal.set("serverUnreachable");
    });
  });
}

/** Runs `found` for a flow from a nat server towards which an address of the director's is known. */
export function withServer(
  maps: BalancerMaps,
  family: Family,
  flow: ServerFlow,
  found: (destination: Reference<typeof Destination.fields>) => void,
): void {
  const server = { address: flow.source, port: flow.sourcePort, protocol: flow.protocol.toU16() };
  maps[family.name].realServices.lookup(stack(family.ServiceKey, server, OPENING)).then((real) => {
    maps.destinations.lookup(real.destination).then((destination) => {
      when(destination.tunnelSource.at(0).ne(0), () => found(destination));
    });
  });
}
