// DNS messages as a check needs them (RFC 1035): one question out, what the answer says in. Reads whatever comes:
// lengths are looked at before they are believed, and compression cannot go in circles.
import { formatAddress } from "@yardmaster/packet";
import { type DnsType, dnsTypes } from "../model/check.ts";

/** A response, as far as a check needs it. */
export interface DnsResponse {
  readonly id: number;
  /** The name and type that it answers, in lower case; undefined: it repeats no question. */
  readonly question: { readonly name: string; readonly type: number } | undefined;
  readonly rcode: number;
  /** The server had more than fits a datagram. */
  readonly isTruncated: boolean;
  /** Records of types that are known, as text: `192.0.2.1`, `10 mail.example.org`. */
  readonly answers: readonly { readonly type: number; readonly text: string }[];
}

const HEADER = 12;
const IN = 1;
const RESPONSE = 0x8000;
const TRUNCATED = 0x0200;
const RECURSION_DESIRED = 0x0100;
/** RFC 1035 §2.3.4. */
const LONGEST_NAME = 255;
const LONGEST_LABEL = 63;
const MOST_ANSWERS = 100;

/** A query (RFC 1035 §4.1). Throws for a name that none can have. */
export function dnsQuery(id: number, name: string, type: DnsType): Buffer {
  const labels = name
    .replace(/\.$/, "")
    .split(".")
    .filter((label) => label !== "");
  const parts = labels.map((label) => Buffer.from(label, "latin1"));
  if (
    parts.some(({ length }) => length > LONGEST_LABEL) ||
    parts.reduce((sum, { length }) => sum + length + 1, 1) > LONGEST_NAME
  ) {
    throw new RangeError(`asking for ${name}: a name has at most ${LONGEST_NAME} bytes, a label ${LONGEST_LABEL}`);
  }
  const header = Buffer.alloc(HEADER);
  header.writeUInt16BE(id, 0);
  header.writeUInt16BE(RECURSION_DESIRED, 2);
  header.writeUInt16BE(1, 4);
  const tail = Buffer.alloc(5);
  tail.writeUInt16BE(dnsTypes[type], 1);
  tail.writeUInt16BE(IN, 3);
  return Buffer.concat([header, ...parts.flatMap((part) => [Buffer.of(part.length), part]), tail]);
}

/** Reads a response; undefined: it is none. */
export function readDnsResponse(bytes: Buffer): DnsResponse | undefined {
  if (bytes.length < HEADER) return undefined;
  const flags = bytes.readUInt16BE(2);
  if ((flags & RESPONSE) === 0) return undefined;
  try {
    const reader = new Reader(bytes, HEADER);
    const questions = bytes.readUInt16BE(4);
    if (questions > 1) return undefined;
    const question = questions === 0 ? undefined : readQuestion(reader);
    const isTruncated = (flags & TRUNCATED) !== 0;
    const answers = readAnswers(reader, isTruncated ? 0 : Math.min(bytes.readUInt16BE(6), MOST_ANSWERS));
    return { id: bytes.readUInt16BE(0), question, rcode: flags & 0xf, isTruncated, answers };
  } catch (error) {
    // Shorter than it says.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

function readQuestion(reader: Reader): DnsResponse["question"] {
  const question = { name: reader.name().toLowerCase(), type: reader.u16() };
  reader.skip(2);
  return question;
}

function readAnswers(reader: Reader, count: number): DnsResponse["answers"] {
  const answers: { readonly type: number; readonly text: string }[] = [];
  for (let at = 0; at < count; at++) {
    reader.name();
    const type = reader.u16();
    // Class and time to live.
    reader.skip(6);
    const length = reader.u16();
    const text = recordText(type, reader.part(length));
    if (text !== undefined) answers.push({ type, text });
    reader.skip(length);
  }
  return answers;
}

/** RFC 1035 §3.3, RFC 3596 §2.2, RFC 2782. */
function recordText(type: number, data: Reader): string | undefined {
  switch (type) {
    case dnsTypes.A:
      return formatAddress(data.bytes(4));
    case dnsTypes.AAAA:
      return formatAddress(data.bytes(16));
    case dnsTypes.NS:
    case dnsTypes.CNAME:
    case dnsTypes.PTR:
    case dnsTypes.SOA:
      return data.name();
    case dnsTypes.MX:
      return `${data.u16()} ${data.name()}`;
    case dnsTypes.SRV:
      return `${data.u16()} ${data.u16()} ${data.u16()} ${data.name()}`;
    case dnsTypes.TXT:
      return data.texts();
    default:
      return undefined;
  }
}

/** Reads from a message; throws RangeError beyond its end, or that of the part. */
class Reader {
  readonly #message: Buffer;
  #at: number;
  readonly #end: number;

  constructor(message: Buffer, at: number, end: number = message.length) {
    if (end > message.length) throw new RangeError("beyond the end of the message");
    this.#message = message;
    this.#at = at;
    this.#end = end;
  }

  skip(count: number): void {
    if (this.#at + count > this.#end) throw new RangeError("beyond the end");
    this.#at += count;
  }

  u16(): number {
    const at = this.#at;
    this.skip(2);
    return this.#message.readUInt16BE(at);
  }

  bytes(count: number): Uint8Array {
    const at = this.#at;
    this.skip(count);
    return this.#message.subarray(at, at + count);
  }

  /** The next bytes, as something to read from; they are not skipped. */
  part(length: number): Reader {
    if (this.#at + length > this.#end) throw new RangeError("beyond the end");
    return new Reader(this.#message, this.#at, this.#at + length);
  }

  texts(): string {
    let text = "";
    while (this.#at < this.#end) text += Buffer.from(this.bytes(this.bytes(1)[0] ?? 0)).toString("latin1");
    return text;
  }

  /** A name, followed through compression (RFC 1035 §4.1.4), which may only point back. */
  name(): string {
    const labels: string[] = [];
    let length = 0;
    let at = this.#at;
    let pointedAt: number | undefined;
    for (;;) {
      const size = this.#message[at];
      if (size === undefined || (pointedAt === undefined && at >= this.#end)) throw new RangeError("beyond the end");
      if (size >= 0xc0) {
        const target = ((size & 0x3f) << 8) | this.#message.readUInt8(at + 1);
        if (target >= (pointedAt ?? at)) throw new RangeError("a name that points forward");
        if (pointedAt === undefined) this.skip(at + 2 - this.#at);
        pointedAt = target;
        at = target;
        continue;
      }
      if (size > LONGEST_LABEL) throw new RangeError("a label of unknown kind");
      if (pointedAt === undefined) this.skip(at + 1 + size - this.#at);
      if (size === 0) return labels.join(".");
      if (at + 1 + size > this.#message.length) throw new RangeError("beyond the end");
      length += size + 1;
      if (length > LONGEST_NAME) throw new RangeError("a name that is too long");
      labels.push(this.#message.subarray(at + 1, at + 1 + size).toString("latin1"));
      at += size + 1;
    }
  }
}
