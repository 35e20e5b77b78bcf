// What goes wrong with bytes: one error for text that is no address, fields that fit no header, and
// packets that end too early. It always says where.

export type PacketErrorCode = "YM_PACKET_ADDRESS" | "YM_PACKET_TRUNCATED" | "YM_PACKET_MALFORMED" | "YM_PACKET_FIELD";

/** A packet, address or capture that cannot be read or built. `offset` counts bytes from the start of the input. */
export class PacketError extends Error {
  override readonly name = "PacketError";
  readonly code: PacketErrorCode;
  readonly offset: number;

  constructor(code: PacketErrorCode, message: string, offset = 0) {
    super(message);
    this.code = code;
    this.offset = offset;
  }
}
