// Writes captures that Wireshark and tcpdump read: pcapng (draft-ietf-opsawg-pcapng) with several interfaces,
// nanosecond times and comments. Blocks can be written one by one; capture.ts reads them back.
import { concat } from "./bytes.ts";

/** Block, option and link type numbers (draft-ietf-opsawg-pcapng §4; tcpdump.org/linktypes). */
export const pcapng = {
  sectionHeader: 0x0a0d0d0a,
  interfaceDescription: 1,
  simplePacket: 3,
  enhancedPacket: 6,
  byteOrderMagic: 0x1a2b3c4d,
  optionComment: 1,
  optionInterfaceName: 2,
  optionInterfaceDescription: 3,
  optionPacketFlags: 2,
  optionTimestampResolution: 9,
  optionTimestampOffset: 14,
} as const;

/** What the packets of an interface begin with. */
export const linkTypes = { ethernet: 1, rawIp: 101 } as const;

/** An interface that packets were captured on. */
export interface CaptureInterface {
  readonly name?: string;
  readonly description?: string;
  /** Ethernet unless given; see {@link linkTypes}. */
  readonly linkType?: number;
}

/** One captured packet. */
export interface CapturePacket {
  /** Index into the capture's interfaces. */
  readonly interface: number;
  /** Nanoseconds since 1970. */
  readonly timestampNs: bigint;
  readonly bytes: Uint8Array;
  /** Length in bytes on the wire, when only a part was captured. */
  readonly originalLength?: number;
  readonly direction?: "inbound" | "outbound";
  readonly comment?: string;
}

export interface Capture {
  readonly interfaces: readonly CaptureInterface[];
  readonly packets: readonly CapturePacket[];
}

/** Little-endian, which the byte order magic in the section header tells the reader. */
function words(...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(values.length * 4);
  const view = new DataView(bytes.buffer);
  for (const [index, value] of values.entries()) view.setUint32(index * 4, value, true);
  return bytes;
}

function padded(bytes: Uint8Array): Uint8Array {
  return concat(bytes, new Uint8Array((4 - (bytes.length % 4)) % 4));
}

function block(type: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const body = concat(...parts);
  const length = body.length + 12;
  return concat(words(type, length), body, words(length));
}

function option(code: number, value: Uint8Array | string | undefined): Uint8Array {
  if (value === undefined) return new Uint8Array();
  const bytes = typeof value === "string" ? new TextEncoder().encode(value) : value;
  return concat(words(code | (bytes.length << 16)), padded(bytes));
}

/** The options in a row with the end mark, or nothing when there are none. */
function options(...list: readonly Uint8Array[]): Uint8Array {
  const bytes = concat(...list);
  return bytes.length === 0 ? bytes : concat(bytes, words(0));
}

function interfaceBlock(described: CaptureInterface): Uint8Array {
  return block(
    pcapng.interfaceDescription,
    words(described.linkType ?? linkTypes.ethernet, 0),
    options(
      option(pcapng.optionInterfaceName, described.name),
      option(pcapng.optionInterfaceDescription, described.description),
      option(pcapng.optionTimestampResolution, Uint8Array.of(9)),
    ),
  );
}

/** The bytes a capture file starts with; packets follow in any number. */
export function pcapngHeader(interfaces: readonly CaptureInterface[]): Uint8Array {
  // Version 1.0, section length not given (-1): that is what lets packets be appended as they come.
  const section = block(pcapng.sectionHeader, words(pcapng.byteOrderMagic, 1, 0xffffffff, 0xffffffff));
  return concat(section, ...interfaces.map(interfaceBlock));
}

/** The bytes of one packet, to append to a capture file. */
export function pcapngPacket(packet: CapturePacket): Uint8Array {
  const { bytes, timestampNs, direction } = packet;
  const flags = direction === undefined ? undefined : words(direction === "inbound" ? 1 : 2);
  return block(
    pcapng.enhancedPacket,
    words(packet.interface, Number(timestampNs >> 32n), Number(timestampNs & 0xffffffffn)),
    words(bytes.length, packet.originalLength ?? bytes.length),
    padded(bytes),
    options(option(pcapng.optionPacketFlags, flags), option(pcapng.optionComment, packet.comment)),
  );
}

/** A whole capture file in the pcapng format. */
export function buildPcapng(capture: Capture): Uint8Array {
  return concat(pcapngHeader(capture.interfaces), ...capture.packets.map(pcapngPacket));
}
