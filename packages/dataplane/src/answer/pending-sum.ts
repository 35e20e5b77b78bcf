// Whether the transport checksum of a packet that is answered has yet to be computed, as of packets that local sockets
// and containers send (tc only; CHECKSUM_PARTIAL, include/linux/skbuff.h). It will be computed behind us, wherever in
// the packet its bytes are by then, so that what is summed up over them must know.

import { be16, type Int, Net, struct, type TcPacket, u32, variable, when } from "@yardmaster/ebpf";
import { IPPROTO_TCP, IPPROTO_UDP, Tcp, Udp } from "../headers.ts";
import type { Parsed } from "../parse.ts";
import { reasons } from "../reasons.ts";

const Check = struct("pending_check", { value: be16 });

/** What stands in the field meanwhile. */
export interface PendingSum {
  /** 1 where the checksum is yet to be computed, 0 where it is whole. */
  readonly isPending: Int<"u32">;
  /** Then: the sum of the pseudo header. Once the checksum is there, its header and data sum up to this inverted. */
  readonly covered: Net<"be16">;
}

/** Finds out; the packet is as before, and all references into it are stale. */
export function pendingSum(
  packet: TcPacket,
  { protocol, network }: { readonly protocol: Int<"u8">; readonly network: Pick<Parsed["network"], "payloadOffset"> },
): PendingSum {
  const at = variable(u32(0));
  when(protocol.eq(IPPROTO_TCP), () => at.set(network.payloadOffset.add(Tcp.offsets.check)));
  when(protocol.eq(IPPROTO_UDP), () => at.set(network.payloadOffset.add(Udp.offsets.check)));
  const isPending = variable(u32(0));
  const covered = variable(be16(0));
  when(at.get().ne(0), () => {
    covered.set(packet.cursorAt(at.get()).read(Check).orDrop(reasons.internal).value);
    packet.probeChecksum(at.get());
    const check = packet.cursorAt(at.get()).read(Check).orDrop(reasons.internal);
    when(check.value.eq(covered.get()), () => isPending.set(u32(1)));
    check.value = covered.get();
  });
  return { isPending: isPending.get(), covered: covered.get() };
}

/** A checksum as the field has it while it is yet to be computed: the sum of `pseudoHeader` alone, not inverted. */
export function unfinished(pseudoHeader: Net<"be16">): Net<"be16"> {
  return new Net("be16", pseudoHeader.raw().xor(0xffff).toU16().operand());
}
