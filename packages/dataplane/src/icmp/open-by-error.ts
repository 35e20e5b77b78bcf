// ICMP errors about no connection open that of their flow where IPVS's schedule_icmp asks for it: the error finds the
// server that the client's next packet will. Rules: ip_vs_in_icmp and ip_vs_try_to_schedule in
// net/netfilter/ipvs/ip_vs_core.c, tcp_conn_schedule in ip_vs_proto_tcp.c.

import { drop, guard, leave, pass, u32, when } from "@yardmaster/ebpf";
import { BY_ERROR } from "../admit.ts";
import { currentTick } from "../clock.ts";
import type { OpenStep } from "../follow-flow.ts";
import type { OpenConnection } from "../open.ts";
import { failure, leaveUnless } from "../outcome.ts";
import { reasons } from "../reasons.ts";
import type { SendingRoad } from "../sending.ts";

/** The step that opens the connection; an error about no service's flow passes as all about no connection do. */
export function openByError({ maps, shape }: SendingRoad, open: OpenConnection): OpenStep {
  return ({ errand, connection }) => {
    const { flow } = errand;
    const outcome = open({ flow, flags: u32(BY_ERROR), now: currentTick(maps, shape), connection });
    when(outcome.eq(failure(reasons.noService)), () => leave(pass(reasons.icmpWithoutConnection)));
    // There is no answer to an error (RFC 1122 §3.2.2).
    const isRefused = outcome.eq(failure(reasons.noDestination)).and(maps.settings.value.refusesByIcmp.ne(0));
    guard(isRefused.not()).orLeave(drop(reasons.silentRefusal));
    leaveUnless(outcome);
  };
}
