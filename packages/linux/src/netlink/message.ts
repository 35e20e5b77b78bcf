// Netlink messages: a header, a fixed part that depends on the type, and attributes, which may nest
// (RFC 3549; include/uapi/linux/netlink.h). Numbers are little-endian here, as the machine's.

/** sizeof(struct nlmsghdr) */
export const HEADER_SIZE = 16;
/** NLA_F_NESTED and NLA_F_NET_BYTEORDER, which are no part of an attribute's type. */
const TYPE_MASK = 0x3fff;

const align = (length: number): number => (length + 3) & ~3;

/** One message received. */
export interface NetlinkMessage {
  readonly type: number;
  readonly flags: number;
  readonly sequence: number;
  /** Everything behind the header. */
  readonly payload: DataView;
}

/** One attribute to send. */
export interface NetlinkAttribute {
  readonly type: number;
  readonly value: Uint8Array;
}

/** The bytes of a request. */
export function buildMessage(
  header: { readonly type: number; readonly flags: number; readonly sequence: number },
  fixed: Uint8Array,
  attributes: readonly NetlinkAttribute[],
): Uint8Array {
  const packed = packAttributes(attributes);
  const start = HEADER_SIZE + align(fixed.length);
  const bytes = new Uint8Array(start + packed.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, bytes.length, true);
  view.setUint16(4, header.type, true);
  view.setUint16(6, header.flags, true);
  view.setUint32(8, header.sequence, true);
  bytes.set(fixed, HEADER_SIZE);
  bytes.set(packed, start);
  return bytes;
}

/** Attributes one after another, each at a multiple of four bytes: the end of a message, or of a nested attribute. */
export function packAttributes(attributes: readonly NetlinkAttribute[]): Uint8Array {
  const bytes = new Uint8Array(attributes.reduce((sum, { value }) => sum + align(4 + value.length), 0));
  const view = new DataView(bytes.buffer);
  let offset = 0;
  for (const { type, value } of attributes) {
    view.setUint16(offset, 4 + value.length, true);
    view.setUint16(offset + 2, type, true);
    bytes.set(value, offset + 4);
    offset += align(4 + value.length);
  }
  return bytes;
}

/** The messages of one datagram. Throws when a length in it cannot be. */
export function* parseMessages(datagram: Uint8Array): IterableIterator<NetlinkMessage> {
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.byteLength);
  for (let offset = 0; offset + HEADER_SIZE <= view.byteLength; ) {
    const length = view.getUint32(offset, true);
    if (length < HEADER_SIZE || offset + length > view.byteLength) {
      throw new Error(`reading a netlink message: its length ${length} does not fit a datagram of ${view.byteLength}`);
    }
    yield {
      type: view.getUint16(offset + 4, true),
      flags: view.getUint16(offset + 6, true),
      sequence: view.getUint32(offset + 8, true),
      payload: new DataView(view.buffer, view.byteOffset + offset + HEADER_SIZE, length - HEADER_SIZE),
    };
    offset += align(length);
  }
}

/** Attributes by type. */
export class Attributes {
  readonly #byType = new Map<number, Uint8Array>();

  /** Reads the attributes from `offset` of `view` to its end. */
  constructor(view: DataView, offset = 0) {
    for (let at = offset; at + 4 <= view.byteLength; ) {
      const length = view.getUint16(at, true);
      if (length < 4 || at + length > view.byteLength) {
        throw new Error(`reading netlink attributes: the length ${length} at byte ${at} cannot be`);
      }
      const type = view.getUint16(at + 2, true) & TYPE_MASK;
      this.#byType.set(type, new Uint8Array(view.buffer, view.byteOffset + at + 4, length - 4));
      at += align(length);
    }
  }

  /** Which there are. */
  get types(): readonly number[] {
    return [...this.#byType.keys()];
  }

  bytes(type: number): Uint8Array | undefined {
    return this.#byType.get(type);
  }

  u32(type: number): number | undefined {
    const bytes = this.#byType.get(type);
    if (bytes === undefined || bytes.length < 4) return undefined;
    return new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  }

  u16(type: number): number | undefined {
    const bytes = this.#byType.get(type);
    if (bytes === undefined || bytes.length < 2) return undefined;
    return new DataView(bytes.buffer, bytes.byteOffset).getUint16(0, true);
  }

  u8(type: number): number | undefined {
    return this.#byType.get(type)?.[0];
  }

  /** Text up to its terminating zero. */
  text(type: number): string | undefined {
    const bytes = this.#byType.get(type);
    return bytes === undefined ? undefined : Buffer.from(bytes).toString("utf8").replace(/\0.*$/su, "");
  }

  nested(type: number): Attributes | undefined {
    const bytes = this.#byType.get(type);
    return bytes && new Attributes(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength));
  }
}
