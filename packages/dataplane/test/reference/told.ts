// The reference's telling of servers behind full NAT who their clients are: which packets tell it, and when a server
// has spoken.

import type { Destination } from "./destination.ts";
import type { ReadFrame } from "./read-frame.ts";
import { blotted, telling, type TellingPlace } from "./rewrite.ts";

interface Spoken {
  readonly destination: Destination;
  readonly hasSpoken: boolean;
}

/** Until the server has spoken, nothing that a client says of addresses gets through. A SYN begins anew. */
export function cleaned(isOn: boolean, frame: Uint8Array, read: ReadFrame, connection: Spoken): Uint8Array {
  if (!isOn || read.protocol !== "tcp") return frame;
  if ((read.flags & 2) !== 0) Object.assign(connection, { isTold: false, hasSpoken: false });
  return connection.hasSpoken ? frame : blotted(frame, read);
}

/** Whether servers are told at all, and how. */
export interface Telling {
  readonly isOn: boolean;
  readonly place: TellingPlace;
}

/**
 * `bytes`, on the way out, with the address of its client (default: as `read`); undefined where it is not to tell it,
 * or cannot.
 */
export function toldIn(
  { isOn, place }: Telling,
  bytes: Uint8Array,
  read: ReadFrame,
  { destination, hasSpoken }: Spoken,
  client: Pick<ReadFrame, "source" | "sourcePort"> = read,
) {
  const { protocol, flags, fragment } = read;
  const isOpen = (flags & 6) === 0 && fragment === undefined;
  if (protocol !== "tcp" || !isOn || !destination.tellsClient || !isOpen || hasSpoken) return undefined;
  return telling(bytes, read, client, { mtu: destination.hop.mtu, place });
}

/** A server has spoken when it sends data or its end; if it was not told of the client by then, that counts. */
export function hear(
  connection: Spoken & { readonly isTold: boolean; hasSpoken: boolean },
  { protocol, flags, transportAt, endsAt }: ReadFrame,
  frame: Uint8Array,
): void {
  const dataAt = transportAt + ((frame[transportAt + 12] ?? 0) >> 4) * 4;
  if (protocol !== "tcp" || (flags & 6) !== 0 || (dataAt === endsAt && (flags & 1) === 0)) return;
  if (connection.hasSpoken) return;
  connection.hasSpoken = true;
  if (!connection.isTold && connection.destination.tellsClient) connection.destination.untold += 1;
}
