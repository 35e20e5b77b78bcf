// Checksums that a sender leaves to an interface: the field then holds the folded sum of the pseudo header, which every
// host on the way has to keep right (CHECKSUM_PARTIAL, include/linux/skbuff.h).
import { foldSum, ipProtocols, parseFrame, pseudoHeaderSum } from "@yardmaster/packet";

/** What is wrong with the half of a checksum in a frame; undefined when it is right, or the frame has none. */
export function pendingChecksumProblem(frame: Uint8Array): string | undefined {
  const parsed = parseFrame(frame);
  const own = parsed.layers.slice(0, parsed.ownLayers);
  const transport = own.at(-1);
  const ip = own.findLast((header) => header.layer === "ipv4" || header.layer === "ipv6");
  if (transport?.layer !== "tcp" && transport?.layer !== "udp") return undefined;
  if (ip?.layer !== "ipv4" && ip?.layer !== "ipv6") return undefined;
  const end = ip.offset + (ip.layer === "ipv4" ? ip.totalLength : 40 + ip.payloadLength);
  const sum = pseudoHeaderSum(ip.source, ip.destination, ipProtocols[transport.layer], end - transport.offset);
  const right = foldSum(sum);
  // In one's complement 0 and 0xffff are one number.
  if (transport.checksum % 0xffff === right % 0xffff) return undefined;
  const hex = (value: number): string => `0x${value.toString(16).padStart(4, "0")}`;
  return `${transport.layer}: ${hex(transport.checksum)} for an interface to complete, ${hex(right)} would be right`;
}
