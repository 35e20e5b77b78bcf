// The kind-length-value lists that IPv4 and TCP headers end with (RFC 791 §3.1, RFC 9293 §3.1): both have
// the same form, kinds 0 (end) and 1 (no operation) being single bytes.
import { concat, u8 } from "./bytes.ts";
import { PacketError } from "./errors.ts";

/**
 * One option. `data` is what follows kind and length. Kind 0 ends the list, its data being whatever comes after it;
 * "malformed" holds the bytes from the first option on whose length cannot be true.
 */
export interface HeaderOption {
  readonly kind: number | "malformed";
  readonly data: Uint8Array;
}

/** An option of any kind. */
export function headerOption(kind: number, data: Uint8Array = new Uint8Array()): HeaderOption {
  return { kind, data };
}

/** The option that fills one byte (kind 1). */
export const noOperation: HeaderOption = headerOption(1);

/** The options in `bytes`, padding of up to three zeros left out. Never throws: what makes no sense is "malformed". */
export function parseOptions(bytes: Uint8Array): readonly HeaderOption[] {
  const options: HeaderOption[] = [];
  let offset = 0;
  while (offset < bytes.length) {
    const kind = u8(bytes, offset);
    const rest = bytes.subarray(offset);
    if (kind === 0) {
      const isPadding = rest.length < 4 && rest.every((byte) => byte === 0);
      return isPadding ? options : [...options, { kind, data: rest.slice(1) }];
    }
    const length = kind === 1 ? 1 : u8(bytes, offset + 1);
    if (length > rest.length || (kind !== 1 && length < 2)) {
      return [...options, { kind: "malformed", data: rest.slice() }];
    }
    options.push({ kind, data: rest.slice(kind === 1 ? 1 : 2, length) });
    offset += length;
  }
  return options;
}

/** The bytes of a list of options, padded with zeros to a multiple of four; at most 40 (the headers hold no more). */
export function buildOptions(options: readonly HeaderOption[], what: string): Uint8Array {
  const parts = options.map(({ kind, data }) => {
    if (kind === "malformed") return data;
    return kind < 2 ? concat(Uint8Array.of(kind), data) : concat(Uint8Array.of(kind, data.length + 2), data);
  });
  const bytes = concat(...parts);
  const padded = new Uint8Array(Math.ceil(bytes.length / 4) * 4);
  padded.set(bytes);
  if (padded.length <= 40) return padded;
  throw new PacketError("YM_PACKET_FIELD", `building ${what}: ${padded.length} bytes of options; at most 40 fit`);
}
