// Payloads that give UDP checksums at the edge: computed by adding up, as a receiver does.

import { addressBytes, foldSum, pseudoHeaderSum } from "@yardmaster/packet";
import type { Wire } from "./wire.ts";

const PROTOCOL_UDP = 17;

/** Sum of the covered words but the payload's, for a 2-byte payload and a checksum field of 0. */
function sumWithoutPayload(client: string, destination: string, destinationPort: number): number {
  const length = 10;
  return (
    pseudoHeaderSum(addressBytes(client), addressBytes(destination), PROTOCOL_UDP, length) +
    40000 +
    destinationPort +
    length
  );
}

function payloadThatSumsToFfff(client: string, destination: string, destinationPort: number): Uint8Array {
  const value = 0xffff - foldSum(sumWithoutPayload(client, destination, destinationPort));
  return Uint8Array.of(value >>> 8, value & 0xff);
}

/**
 * Two bytes of payload. "zero": after translation the checksum comes to 0. "ffff": it does so before
 * translation, so that the client already had to send 0xffff.
 */
export function checksumFor({ clients, servers, vip }: Wire, edge: "zero" | "ffff"): Uint8Array {
  const [client] = clients;
  return edge === "zero" ? payloadThatSumsToFfff(client, servers[0], 5353) : payloadThatSumsToFfff(client, vip, 53);
}
