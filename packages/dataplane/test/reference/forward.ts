// The reference's way out: what leaves the director for a packet, of layer 3 and below; and what the director answers
// by itself.

import { addressBytes, frame, ipv4, ipv6, tcp } from "@yardmaster/packet";
import type { ReasonName } from "../../src/index.ts";
import { familyOf } from "../compiled.ts";
import { type BalancerPlan, clientHop, type HopPlan, INGRESS, tunnelSources } from "../plan.ts";
import { icmpError } from "./icmp-error.ts";
import type { ReadFrame, ReadPacket } from "./read-frame.ts";
import { aged, sent } from "./rewrite.ts";

export type Fate =
  | { readonly verdict: "tx" | "redirect"; readonly frame: Uint8Array }
  | { readonly verdict: "pass"; readonly frame: Uint8Array; readonly reason: ReasonName }
  | { readonly verdict: "drop"; readonly reason: ReasonName };

/** What the client is told where the packet is not forwarded: no hops left, or too large and not to be divided. */
export function errorFor(
  bytes: Uint8Array,
  read: ReadFrame,
  hop: Required<HopPlan>,
  isDividedAnyway = false,
): Uint8Array | undefined {
  const link = bytes.subarray(0, read.ipAt);
  if (read.ttl <= 1) return icmpError(link, bytes.subarray(read.ipAt, read.endsAt), "timeExceeded");
  if (read.totalLength <= hop.mtu || mayBeDivided(read, isDividedAnyway)) return undefined;
  return icmpError(link, aged(bytes, read), "tooBig", hop.mtu);
}

/** IPv6 packets never are. */
function mayBeDivided({ isWhole, source }: ReadFrame, isDividedAnyway: boolean): boolean {
  return !isWhole || (isDividedAnyway && addressBytes(source).length === 4);
}

/** The port unreachable error for a packet that no destination is there for. */
export function refusalOf(bytes: Uint8Array, { ipAt, endsAt }: ReadFrame): Uint8Array {
  return icmpError(bytes.subarray(0, ipAt), bytes.subarray(ipAt, endsAt), "portUnreachable");
}

/** The port unreachable error to a server whose packet belongs to no connection; it goes to it by routing. */
export function strayAnswer(plan: BalancerPlan, bytes: Uint8Array, read: ReadFrame): Fate {
  const from = tunnelSources[familyOf(read.source)];
  const error = icmpError(bytes.subarray(0, read.ipAt), aged(bytes, read), "portUnreachable", 0, from);
  const isV4 = familyOf(read.source) === "ipv4";
  const own = { ...read, ttl: 64 + 1, totalLength: 0, transportAt: read.ipAt + (isV4 ? 20 : 40) };
  return forward(plan, error, own, clientHop(plan), "exceedsMtu");
}

/** The reset that answers a TCP packet (RFC 9293 §3.10.7.1). */
export function resetFor(bytes: Uint8Array, read: ReadFrame): Uint8Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset + read.transportAt);
  const [sequence, acknowledgment] = [view.getUint32(4), view.getUint32(8)];
  const dataLength = read.endsAt - read.transportAt - (view.getUint8(12) >> 4) * 4;
  const counted = dataLength + ((read.flags >> 1) & 1) + (read.flags & 1);
  const asked =
    (read.flags & 16) !== 0
      ? { flags: "R", sequence: acknowledgment, acknowledgment: 0 }
      : { flags: "RA", sequence: 0, acknowledgment: (sequence + counted) >>> 0 };
  const ends = { source: read.destination, destination: read.source };
  const isV4 = addressBytes(read.source).length === 4;
  const header = isV4
    ? ipv4({ ...ends, identification: 0, dontFragment: true, ttl: 64 })
    : ipv6({ ...ends, hopLimit: 64 });
  const ports = { sourcePort: read.destinationPort, destinationPort: read.sourcePort };
  const back = [...bytes.subarray(6, 12), ...bytes.subarray(0, 6), ...bytes.subarray(12, read.ipAt)];
  return Uint8Array.of(...back, ...frame(header, tcp({ ...ports, ...asked, window: 0 })));
}

/** `bytes` are translated already. A packet too large for a translating way goes to the stack. */
export function forward(
  plan: BalancerPlan,
  bytes: Uint8Array,
  read: ReadPacket,
  hop: Required<HopPlan>,
  tooLarge: "exceedsMtu" | "directExceedsMtu" | "localExceedsMtu",
): Fate {
  if (read.totalLength > hop.mtu) {
    return tooLarge === "exceedsMtu"
      ? { verdict: "pass", frame: bytes, reason: tooLarge }
      : { verdict: "drop", reason: tooLarge };
  }
  if (read.ttl <= 1) return { verdict: "drop", reason: "timeToLiveExceeded" };
  if (read.tags.length > 1) return { verdict: "drop", reason: "vlanMismatch" };
  const isBack = hop.ifindex === INGRESS && plan.sendBack !== "redirect";
  return { verdict: isBack ? "tx" : "redirect", frame: sent(bytes, read, hop) };
}
