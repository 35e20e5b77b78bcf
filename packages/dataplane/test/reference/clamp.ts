// The reference's clamp: what SYNs announce of their segments is no more than fits the ways, or than the settings say.

import { parseAddress } from "@yardmaster/packet";
import { familyOf } from "../compiled.ts";
import type { Destination } from "./destination.ts";
import type { ReadFrame } from "./read-frame.ts";
import { layoutOf, optionsOf, putWord, resummed } from "./rewrite.ts";

/** Whether it is done at all, and what is known. */
export interface Clamping {
  readonly isOn: boolean;
  /** What the settings say; 0: what fits. */
  readonly largest: number;
  /** MTU of the way to clients. */
  readonly toClients: number;
  /** The SYN is a server's, and servers are told who their clients are: that takes room in clients' packets. */
  readonly tells?: boolean;
}

/** The frame with its MSS options lowered. */
export function clamped(clamping: Clamping, bytes: Uint8Array, read: ReadFrame, destination: Destination): Uint8Array {
  // What has no hops left is quoted to its sender as it came.
  if (!clamping.isOn || read.protocol !== "tcp" || (read.flags & 2) === 0 || read.ttl <= 1) return bytes;
  const limit = limitOf(clamping, bytes, read, destination);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const found = optionsOf(bytes, read).filter(({ kind, at, size }) => {
    return kind === 2 && size === 4 && bytes[at + 1] === 4 && view.getUint16(at + 2) > limit;
  });
  const copy = bytes.slice();
  for (const { at } of found) putWord(copy, at + 2, limit);
  return found.length === 0 ? bytes : resummed({ bytes, read }, { bytes: copy, read });
}

function limitOf(
  { largest, toClients, tells }: Clamping,
  bytes: Uint8Array,
  read: ReadFrame,
  { address, method, hop, tellsClient }: Destination,
): number {
  if (largest !== 0) return largest;
  if (method === "fullnat" && familyOf(address) !== familyOf(read.source)) return 0xffff;
  if (method !== "nat" && method !== "fullnat") return 0xffff;
  const headers = layoutOf(bytes, read).isV4 ? 40 : 60;
  const option = tells === true && tellsClient && method === "fullnat" ? 4 + parseAddress(read.source).length : 0;
  const fits = [toClients, hop.mtu - option].map((mtu) => (mtu > headers ? mtu - headers : 0xffff));
  return Math.min(...fits);
}
