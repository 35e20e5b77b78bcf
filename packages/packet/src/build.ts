// Stacks layers into bytes: frame(ethernet({…}), ipv4({…}), tcp({…}), "hello"). Lengths, checksums and
// the numbers that announce the next header follow from what is inside, unless a layer was told otherwise.
import { concat } from "./bytes.ts";
import type { Layer } from "./layer.ts";

/** A layer, or contents: bytes, or text that is sent as UTF-8. */
export type FramePart = Layer | Uint8Array | string;

function asLayer(part: FramePart): Layer {
  if (typeof part !== "string" && !(part instanceof Uint8Array)) return part;
  const bytes = typeof part === "string" ? new TextEncoder().encode(part) : part;
  return { layer: "payload", write: (inside) => concat(bytes, inside) };
}

/**
 * The bytes of the parts around each other, the first outermost. Start with `ipv4` or `ipv6` for a packet without
 * Ethernet header. Throws PacketError for a field that does not fit and for what cannot be known: the protocol of
 * plain bytes, the checksum of TCP without addresses.
 */
export function frame(...parts: readonly FramePart[]): Uint8Array {
  const layers = parts.map(asLayer);
  let bytes: Uint8Array = new Uint8Array();
  for (let index = layers.length - 1; index >= 0; index--) {
    const neighbours = { outer: layers[index - 1], inner: layers[index + 1] };
    bytes = layers[index]?.write(bytes, neighbours) ?? bytes;
  }
  return bytes;
}

/** The frame padded with zeros to the 60 bytes (without check sequence) that Ethernet sends at least. */
export function padFrame(bytes: Uint8Array): Uint8Array {
  return bytes.length >= 60 ? bytes : concat(bytes, new Uint8Array(60 - bytes.length));
}
