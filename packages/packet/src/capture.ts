// Reads capture files: pcapng and classic pcap, of either byte order and any time resolution.
import { PacketError } from "./errors.ts";
import type { Capture, CaptureInterface, CapturePacket } from "./pcapng.ts";
import { pcapng } from "./pcapng.ts";

/** Numbers in the byte order of the file, with a limit behind which nothing may be read. */
class Reader {
  readonly bytes: Uint8Array;
  readonly view: DataView;
  readonly littleEndian: boolean;

  constructor(bytes: Uint8Array, order: "little" | "big") {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.littleEndian = order === "little";
  }

  need(offset: number, length: number, what: string): void {
    if (length >= 0 && offset + length <= this.bytes.length) return;
    throw new PacketError(
      "YM_PACKET_TRUNCATED",
      `reading a capture at byte ${offset}: ${what} of ${length} bytes goes past the end at ${this.bytes.length}`,
      offset,
    );
  }

  u16(offset: number): number {
    this.need(offset, 2, "number");
    return this.view.getUint16(offset, this.littleEndian);
  }

  u32(offset: number): number {
    this.need(offset, 4, "number");
    return this.view.getUint32(offset, this.littleEndian);
  }

  slice(offset: number, length: number): Uint8Array {
    this.need(offset, length, "data");
    return this.bytes.slice(offset, offset + length);
  }
}

/** An interface, and how its time stamps become nanoseconds. */
interface TimedInterface {
  readonly about: CaptureInterface;
  readonly unitsPerSecond: bigint;
  readonly offsetSeconds: bigint;
}

interface FileOption {
  readonly code: number;
  readonly value: Uint8Array;
}

function readOptions(reader: Reader, from: number, end: number): readonly FileOption[] {
  const found: FileOption[] = [];
  for (let at = from; at + 4 <= end; ) {
    const code = reader.u16(at);
    const length = reader.u16(at + 2);
    if (code === 0) break;
    found.push({ code, value: reader.slice(at + 4, length) });
    at += 4 + Math.ceil(length / 4) * 4;
  }
  return found;
}

function textOf(options: readonly FileOption[], code: number): string | undefined {
  const option = options.find((one) => one.code === code);
  return option && new TextDecoder().decode(option.value);
}

/** Units a second by the if_tsresol option: a power of ten, or of two when the highest bit is set. Default 10^6. */
function resolution(options: readonly FileOption[]): bigint {
  const value = options.find(({ code }) => code === pcapng.optionTimestampResolution)?.value[0] ?? 6;
  return (value & 0x80) === 0 ? 10n ** BigInt(value) : 2n ** BigInt(value & 0x7f);
}

function readInterface(reader: Reader, body: number, end: number): TimedInterface {
  const options = readOptions(reader, body + 8, end);
  const name = textOf(options, pcapng.optionInterfaceName);
  const description = textOf(options, pcapng.optionInterfaceDescription);
  const offset = options.find(({ code }) => code === pcapng.optionTimestampOffset)?.value;
  const offsetSeconds = offset?.length === 8 ? new DataView(offset.buffer).getBigInt64(0, reader.littleEndian) : 0n;
  return {
    about: {
      linkType: reader.u16(body),
      ...(name === undefined ? {} : { name }),
      ...(description === undefined ? {} : { description }),
    },
    unitsPerSecond: resolution(options),
    offsetSeconds,
  };
}

function lengths(captured: number, original: number): { readonly originalLength?: number } {
  return captured === original ? {} : { originalLength: original };
}

function readPacket(reader: Reader, body: number, end: number, interfaces: readonly TimedInterface[]): CapturePacket {
  const index = reader.u32(body);
  const timed = interfaces[index];
  if (timed === undefined) {
    const fault = `a packet names interface ${index} of ${interfaces.length}`;
    throw new PacketError("YM_PACKET_MALFORMED", `reading a capture at byte ${body}: ${fault}`, body);
  }
  const units = (BigInt(reader.u32(body + 4)) << 32n) | BigInt(reader.u32(body + 8));
  const captured = reader.u32(body + 12);
  const options = readOptions(reader, body + 20 + Math.ceil(captured / 4) * 4, end);
  const comment = textOf(options, pcapng.optionComment);
  const flags = options.find(({ code }) => code === pcapng.optionPacketFlags)?.value;
  const way = flags === undefined ? 0 : new Reader(flags, reader.littleEndian ? "little" : "big").u32(0) & 3;
  return {
    interface: index,
    timestampNs: timed.offsetSeconds * 1_000_000_000n + (units * 1_000_000_000n) / timed.unitsPerSecond,
    bytes: reader.slice(body + 20, captured),
    ...lengths(captured, reader.u32(body + 16)),
    ...(way === 1 ? { direction: "inbound" as const } : {}),
    ...(way === 2 ? { direction: "outbound" as const } : {}),
    ...(comment === undefined ? {} : { comment }),
  };
}

/** A simple packet block has neither interface nor time: it belongs to the first interface. */
function readSimplePacket(reader: Reader, body: number, end: number): CapturePacket {
  const original = reader.u32(body);
  const captured = Math.min(original, end - body - 4);
  const bytes = reader.slice(body + 4, captured);
  return { interface: 0, timestampNs: 0n, bytes, ...lengths(captured, original) };
}

function sectionOrder(bytes: Uint8Array, offset: number): Reader {
  const little = new Reader(bytes, "little");
  const magic = little.u32(offset + 8);
  if (magic === pcapng.byteOrderMagic) return little;
  const big = new Reader(bytes, "big");
  if (big.u32(offset + 8) === pcapng.byteOrderMagic) return big;
  throw new PacketError("YM_PACKET_MALFORMED", `reading a capture at byte ${offset}: no byte order magic`, offset);
}

function parsePcapng(bytes: Uint8Array): Capture {
  const interfaces: TimedInterface[] = [];
  const packets: CapturePacket[] = [];
  // Interfaces count from zero in every section; the capture counts on.
  let sectionStart = 0;
  let reader = sectionOrder(bytes, 0);
  for (let at = 0; at < bytes.length; ) {
    const type = reader.u32(at);
    if (type === pcapng.sectionHeader) {
      reader = sectionOrder(bytes, at);
      sectionStart = interfaces.length;
    }
    const length = reader.u32(at + 4);
    if (length < 12) {
      throw new PacketError("YM_PACKET_MALFORMED", `reading a capture at byte ${at}: block length ${length}`, at);
    }
    reader.need(at, length, "block");
    const [body, end] = [at + 8, at + length - 4];
    const own = interfaces.slice(sectionStart);
    if (type === pcapng.interfaceDescription) interfaces.push(readInterface(reader, body, end));
    if (type === pcapng.simplePacket) {
      packets.push({ ...readSimplePacket(reader, body, end), interface: sectionStart });
    }
    if (type === pcapng.enhancedPacket) {
      const packet = readPacket(reader, body, end, own);
      packets.push({ ...packet, interface: packet.interface + sectionStart });
    }
    at += Math.ceil(length / 4) * 4;
  }
  return { interfaces: interfaces.map(({ about }) => about), packets };
}

/** Magic numbers of classic pcap and the nanoseconds that their fractions count in (draft-ietf-opsawg-pcap §4). */
const classicUnitsNs = new Map([
  [0xa1b2c3d4, 1000n],
  [0xa1b23c4d, 1n],
]);

function parseClassic(reader: Reader, unitNs: bigint): Capture {
  reader.need(0, 24, "file header");
  const packets: CapturePacket[] = [];
  for (let at = 24; at < reader.bytes.length; ) {
    const captured = reader.u32(at + 8);
    packets.push({
      interface: 0,
      timestampNs: BigInt(reader.u32(at)) * 1_000_000_000n + BigInt(reader.u32(at + 4)) * unitNs,
      bytes: reader.slice(at + 16, captured),
      ...lengths(captured, reader.u32(at + 12)),
    });
    at += 16 + captured;
  }
  return { interfaces: [{ linkType: reader.u32(20) & 0xffff }], packets };
}

/** The interfaces and packets of a pcapng or pcap file; throws PacketError when it is neither or cut off. */
export function parseCapture(bytes: Uint8Array): Capture {
  for (const reader of [new Reader(bytes, "little"), new Reader(bytes, "big")]) {
    const magic = reader.u32(0);
    if (magic === pcapng.sectionHeader) return parsePcapng(bytes);
    const unitNs = classicUnitsNs.get(magic);
    if (unitNs !== undefined) return parseClassic(reader, unitNs);
  }
  throw new PacketError("YM_PACKET_MALFORMED", "reading a capture: it starts like neither pcapng nor pcap");
}
