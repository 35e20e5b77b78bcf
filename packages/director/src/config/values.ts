// Values that are written as text of their own form (addresses, prefixes, ports, masks): what they mean, or what is
// wrong with them, in one place for validation and for messages.
import { formatAddress, formatPrefix, type Prefix, parsePrefix, prefixOf, tryParseAddress } from "@yardmaster/packet";
import { joinRanges, type PortRange, type Ports } from "../model/ports.ts";

/** A meaning, or what is wrong. */
export type Reading<T> = { readonly value: T } | { readonly problem: string };

const highestPort = 65_535;
const range = /^(\d{1,5})\s*-\s*(\d{1,5})$/;
/** A range, or all ports; also used in the JSON Schema. */
export const portsPattern = /^(any|\d{1,5}\s*-\s*\d{1,5})$/;

/** The meaning of a value that must be good; throws where it is not. */
export function valueOf<T>(reading: Reading<T>): T {
  if ("value" in reading) return reading.value;
  throw new Error(`reading a checked value: ${reading.problem}`);
}

/** An address in its canonical spelling. */
export function readAddress(text: string): Reading<string> {
  const bytes = tryParseAddress(text);
  return bytes === undefined ? { problem: "is no address" } : { value: formatAddress(bytes) };
}

/** A prefix, or an address as a prefix of one. */
export function readNetwork(text: string): Reading<Prefix> {
  try {
    return { value: parsePrefix(text) };
  } catch {
    // Bits behind the length are the one fault that has an answer.
    const [base = "", digits = ""] = text.split("/");
    const bytes = tryParseAddress(base);
    if (bytes === undefined || !/^(0|[1-9]\d{0,2})$/.test(digits)) return { problem: "is no address and no prefix" };
    if (Number(digits) > bytes.length * 8) {
      return {
        problem: `is longer than an ${bytes.length === 4 ? "IPv4" : "IPv6"} address of ${bytes.length * 8} bits`,
      };
    }
    return { problem: `has bits behind its length: did you mean ${formatPrefix(prefixOf(bytes, Number(digits)))}?` };
  }
}

/** More local addresses than these are a slip: each has some 36,000 ports for every server. */
export const MOST_LOCAL_ADDRESSES = 1024;

/** The addresses of an address, of a prefix, or of a range such as `10.0.0.5-10.0.0.9`, in their order. */
export function readAddresses(text: string): Reading<readonly string[]> {
  const [first = "", last] = text.split("-").map((part) => part.trim());
  if (last === undefined) {
    const reading = readNetwork(first);
    if ("problem" in reading)
      return { problem: reading.problem.replace("no address and no prefix", "no address, prefix or range") };
    const { address, length } = reading.value;
    return addressesFrom(address, 2n ** BigInt(address.length * 8 - length));
  }
  const [low, high] = [tryParseAddress(first), tryParseAddress(last)];
  if (low === undefined || high?.length !== low.length) return { problem: "is no range of addresses" };
  const count = toBigInt(high) - toBigInt(low) + 1n;
  return count < 1n ? { problem: "is a range that ends before it begins" } : addressesFrom(low, count);
}

function addressesFrom(first: Uint8Array, count: bigint): Reading<readonly string[]> {
  if (count > MOST_LOCAL_ADDRESSES) {
    return { problem: `is ${count} addresses: more than ${MOST_LOCAL_ADDRESSES} are no use` };
  }
  const start = toBigInt(first);
  const value = Array.from({ length: Number(count) }, (_, at) =>
    formatAddress(toBytes(start + BigInt(at), first.length)),
  );
  return { value };
}

function toBigInt(bytes: Uint8Array): bigint {
  return bytes.reduce((value, byte) => (value << 8n) | BigInt(byte), 0n);
}

function toBytes(value: bigint, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, at) => Number((value >> BigInt(8 * (length - 1 - at))) & 0xffn));
}

/** A prefix as people write it: an address alone where it is one. */
export function networkText(prefix: Prefix): string {
  return prefix.length === prefix.address.length * 8 ? formatAddress(prefix.address) : formatPrefix(prefix);
}

/** One port or a range of them. */
export function readPortEntry(value: unknown): Reading<PortRange> {
  if (typeof value === "number") {
    if (!Number.isInteger(value)) return { problem: `port ${value} is no whole number` };
    return inRange(value) ? { value: { first: value, last: value } } : { problem: outside(value) };
  }
  const match = typeof value === "string" ? range.exec(value) : null;
  if (match === null) return { problem: "is neither a port nor a range of ports" };
  const [first, last] = [Number(match[1]), Number(match[2])];
  const wrong = [first, last].find((port) => !inRange(port));
  if (wrong !== undefined) return { problem: outside(wrong) };
  return first <= last ? { value: { first, last } } : { problem: `the range ${first}-${last} ends before it begins` };
}

/** All that `port` can hold. Of a list with a fault, which entry it is in is the caller's to find out. */
export function readPorts(value: unknown): Reading<Ports> {
  if (value === "any") return { value };
  const readings = (Array.isArray(value) ? (value as readonly unknown[]) : [value]).map(readPortEntry);
  const bad = readings.find((reading) => "problem" in reading);
  if (bad !== undefined) return bad;
  const ranges = readings.flatMap((reading) => ("value" in reading ? [reading.value] : []));
  const joined = joinRanges(ranges);
  return joined === undefined ? { problem: "is an empty list" } : { value: joined };
}

function inRange(port: number): boolean {
  return port >= 1 && port <= highestPort;
}

function outside(port: number): string {
  return `port ${port} is outside 1–${highestPort}`;
}

/** A mask as its number of bits. Whether an address has as many is not asked here. */
export function readNetmask(value: number | string): Reading<number> {
  if (typeof value === "number") {
    const isLength = Number.isInteger(value) && value >= 1 && value <= 128;
    return isLength ? { value } : { problem: `netmask ${value} is outside 1–128` };
  }
  const bytes = tryParseAddress(value);
  if (bytes?.length !== 4) return { problem: "is no netmask" };
  const bits = [...bytes].map((byte) => byte.toString(2).padStart(8, "0")).join("");
  const match = /^(1+)0*$/.exec(bits);
  return match === null ? { problem: "is no netmask: its ones must come first" } : { value: (match[1] ?? "").length };
}
