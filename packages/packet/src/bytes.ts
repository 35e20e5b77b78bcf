// Reading and writing numbers in network byte order (big-endian), with bounds that are checked once a
// header instead of once a byte. Every header file of this package stands on these.
import { PacketError } from "./errors.ts";

/** Throws unless `length` bytes are there from `offset` on; `what` names the header for the message. */
export function need(bytes: Uint8Array, offset: number, length: number, what: string): void {
  const available = Math.max(0, bytes.length - offset);
  if (available >= length) return;
  throw new PacketError(
    "YM_PACKET_TRUNCATED",
    `parsing ${what} at byte ${offset}: ${length} bytes needed, ${available} there`,
    offset,
  );
}

/** The byte at `offset`; call {@link need} first. */
export function u8(bytes: Uint8Array, offset: number): number {
  return bytes[offset] ?? 0;
}

/** The big-endian 16-bit number at `offset`; call {@link need} first. */
export function u16(bytes: Uint8Array, offset: number): number {
  return (u8(bytes, offset) << 8) | u8(bytes, offset + 1);
}

/** The big-endian 32-bit number at `offset`; call {@link need} first. */
export function u32(bytes: Uint8Array, offset: number): number {
  return ((u16(bytes, offset) << 16) | u16(bytes, offset + 2)) >>> 0;
}

/** Stores the low 16 bits of `value` big-endian at `offset`. */
export function put16(bytes: Uint8Array, offset: number, value: number): void {
  bytes[offset] = value >>> 8;
  bytes[offset + 1] = value;
}

/** Stores the low 32 bits of `value` big-endian at `offset`. */
export function put32(bytes: Uint8Array, offset: number, value: number): void {
  put16(bytes, offset, value >>> 16);
  put16(bytes, offset + 2, value);
}

/** One array that holds all parts in order. */
export function concat(...parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

/** Whether both hold the same bytes. */
export function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

/** The bytes as lower-case hex digits, without separators. */
export function toHex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The bytes that hex digits stand for; blanks and colons between them are skipped. */
export function fromHex(text: string): Uint8Array {
  const digits = text.replace(/[\s:]/g, "");
  if (!/^([0-9a-fA-F]{2})*$/.test(digits)) {
    const wrong = JSON.stringify(text.slice(0, 60));
    throw new PacketError("YM_PACKET_FIELD", `reading hex: ${wrong} is no even number of hex digits`);
  }
  return Uint8Array.from(digits.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}

/** Throws unless `value` is a whole number of at most `bits` bits; `what` names the field for the message. */
export function checkField(what: string, value: number, bits: number): number {
  if (Number.isInteger(value) && value >= 0 && value < 2 ** bits) return value;
  throw new PacketError(
    "YM_PACKET_FIELD",
    `building ${what}: ${value} does not fit; give a whole number from 0 to ${2 ** bits - 1}`,
  );
}
