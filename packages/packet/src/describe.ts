// Packets for people: one line a layer, and what differs between the packet a test expected and the one it got.
import type { Header, ParsedFrame } from "./parse.ts";
import { parseFrame } from "./parse.ts";
import { sameBytes, toHex } from "./bytes.ts";
import { etherTypes } from "./ethernet.ts";
import { icmp4Types, icmp6Types } from "./icmp.ts";
import { ipProtocols } from "./ipv4.ts";
import { ipv6FragmentOf } from "./ipv6.ts";
import type { HeaderOption } from "./options.ts";

/** The name that a table of numbers gives to a value, with words apart: "echo request"; or the number. */
function nameIn(table: Readonly<Record<string, number>>, value: number): string {
  const name = Object.keys(table).find((key) => table[key] === value);
  return name?.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`) ?? String(value);
}

const hex = (value: number, digits = 4) => `0x${value.toString(16).padStart(digits, "0")}`;

/** An EtherType's name, or the number in hex. */
function etherTypeName(type: number): string {
  return Object.values<number>(etherTypes).includes(type) ? nameIn(etherTypes, type) : hex(type);
}

function describeOptions(options: readonly HeaderOption[]): string {
  if (options.length === 0) return "";
  const texts = options.map(({ kind, data }) => (data.length === 0 ? String(kind) : `${kind}:${toHex(data)}`));
  return `, options ${texts.join(" ")}`;
}

function describeFragment(more: boolean, offset: number): string {
  return more || offset > 0 ? `, fragment at ${offset}${more ? " and more" : ", the last"}` : "";
}

function describeIcmp(header: Extract<Header, { readonly layer: "icmp4" | "icmp6" }>): string {
  const type = nameIn(header.layer === "icmp4" ? icmp4Types : icmp6Types, header.type);
  const echo = header.identifier === undefined ? "" : `, id ${header.identifier}, sequence ${header.sequence}`;
  const mtu = header.mtu === undefined ? "" : `, mtu ${header.mtu}`;
  return `${header.layer} ${type}, code ${header.code}${echo}${mtu}`;
}

/** One line about a header, its name first. */
export function describeHeader(header: Header): string {
  switch (header.layer) {
    case "ethernet": {
      const tags = header.vlan.map(({ id }) => `, vlan ${id}`).join("");
      return `ethernet ${header.source} > ${header.destination}${tags}, ${etherTypeName(header.type)}`;
    }
    case "arp": {
      const operation = nameIn({ request: 1, reply: 2 }, header.operation);
      const sender = `${header.senderAddress} (${header.senderMac})`;
      return `arp ${operation}, ${sender} > ${header.targetAddress} (${header.targetMac})`;
    }
    case "ipv4": {
      const fragment = describeFragment(header.moreFragments, header.fragmentOffset);
      const flags = `${header.dontFragment ? ", don't fragment" : ""}${fragment}`;
      const about = `${nameIn(ipProtocols, header.protocol)}, ttl ${header.ttl}, length ${header.totalLength}`;
      const rest = `id ${header.identification}${flags}${describeOptions(header.options)}`;
      return `ipv4 ${header.source} > ${header.destination}, ${about}, ${rest}`;
    }
    case "ipv6": {
      const fragment = ipv6FragmentOf(header);
      const part = fragment && describeFragment(fragment.moreFragments, fragment.fragmentOffset);
      const extensions = header.extensions.map(({ type }) => `, extension ${type}`).join("");
      const about = `${nameIn(ipProtocols, header.protocol)}, hop limit ${header.hopLimit}`;
      const addresses = `${header.source} > ${header.destination}`;
      return `ipv6 ${addresses}, ${about}, length ${header.payloadLength}${extensions}${part ?? ""}`;
    }
    case "tcp": {
      const numbers = `seq ${header.sequence}, ack ${header.acknowledgment}, window ${header.window}`;
      const about = `[${header.flags}], ${numbers}${describeOptions(header.options)}`;
      return `tcp ${header.sourcePort} > ${header.destinationPort} ${about}`;
    }
    case "udp":
      return `udp ${header.sourcePort} > ${header.destinationPort}, length ${header.length}`;
    case "ports":
      return `ports ${header.sourcePort} > ${header.destinationPort} (the rest is cut off)`;
    case "icmp4":
    case "icmp6":
      return describeIcmp(header);
    case "gre":
      return `gre ${etherTypeName(header.protocol)}${header.key === undefined ? "" : `, key ${header.key}`}`;
    case "gue":
      return `gue ${header.control ? "control " : ""}${nameIn(ipProtocols, header.protocol)}`;
  }
}

function describeBytes(name: string, bytes: Uint8Array): readonly string[] {
  if (bytes.length === 0) return [];
  const shown = toHex(bytes.subarray(0, 32));
  return [`${name} ${bytes.length} bytes: ${shown}${bytes.length > 32 ? "…" : ""}`];
}

/** One line a layer, quoted layers indented, then contents and problems. Takes a frame or what parse gave. */
export function describeFrame(frame: Uint8Array | ParsedFrame): string {
  const parsed = frame instanceof Uint8Array ? parseFrame(frame) : frame;
  return [
    ...parsed.layers.map((header, index) => `${index < parsed.ownLayers ? "" : "  "}${describeHeader(header)}`),
    ...describeBytes("contents", parsed.remaining),
    ...describeBytes("trailer", parsed.trailer),
    ...parsed.problems.map(({ message }) => `problem: ${message}`),
  ].join("\n");
}

function show(value: unknown): string {
  if (value === undefined) return "nothing";
  if (value instanceof Uint8Array) return toHex(value) || "nothing";
  if (typeof value === "string" && value !== "") return value;
  return JSON.stringify(value, (_, part: unknown) => (part instanceof Uint8Array ? toHex(part) : part));
}

const layoutFields = new Set(["layer", "offset"]);

function diffHeaders(expected: Header, actual: Header): readonly string[] {
  if (expected.layer !== actual.layer) {
    return [`expected ${describeHeader(expected)}`, `     got ${describeHeader(actual)}`];
  }
  const before = new Map<string, unknown>(Object.entries(expected));
  const after = new Map<string, unknown>(Object.entries(actual));
  return [...new Set([...before.keys(), ...after.keys()])].flatMap((field) => {
    if (layoutFields.has(field)) return [];
    const [want, got] = [show(before.get(field)), show(after.get(field))];
    if (want === got) return [];
    const isChecksum = field === "checksum" && want !== "nothing" && got !== "nothing";
    const [wanted, given] = isChecksum ? [hex(Number(want)), hex(Number(got))] : [want, got];
    return [`${expected.layer}.${field}: expected ${wanted}, got ${given}`];
  });
}

function diffBytes(name: string, expected: Uint8Array, actual: Uint8Array): readonly string[] {
  if (sameBytes(expected, actual)) return [];
  const length = Math.max(expected.length, actual.length);
  const at = Array.from({ length }, (_, index) => index).find((index) => expected[index] !== actual[index]) ?? 0;
  const excerpt = (bytes: Uint8Array) => toHex(bytes.subarray(at, at + 16)) || "the end";
  const lengths = `${expected.length} bytes expected, ${actual.length} got`;
  return [`${name}: ${lengths}; from byte ${at}: expected ${excerpt(expected)}, got ${excerpt(actual)}`];
}

/** What differs between two frames, header by header and field by field; "" when they are the same bytes. */
export function diffFrames(expected: Uint8Array, actual: Uint8Array): string {
  if (sameBytes(expected, actual)) return "";
  const [want, got] = [parseFrame(expected), parseFrame(actual)];
  const lines: string[] = [];
  for (let index = 0; index < Math.max(want.layers.length, got.layers.length); index++) {
    const [before, after] = [want.layers[index], got.layers[index]];
    if (before !== undefined && after !== undefined) lines.push(...diffHeaders(before, after));
    else if (before !== undefined) lines.push(`missing ${describeHeader(before)}`);
    else if (after !== undefined) lines.push(`unexpected ${describeHeader(after)}`);
  }
  lines.push(...diffBytes("contents", want.remaining, got.remaining));
  lines.push(...diffBytes("trailer", want.trailer, got.trailer));
  return (lines.length > 0 ? lines : diffBytes("frame", expected, actual)).join("\n");
}
