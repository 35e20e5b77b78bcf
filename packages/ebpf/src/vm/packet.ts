// The packet of a run: bytes with room before and after, as an XDP driver provides them, so that
// programs may move both ends.

import { createRegion, type Memory, viewOf } from "./memory.ts";

/** XDP_PACKET_HEADROOM (include/uapi/linux/bpf.h). */
const HEADROOM = 256;
/** sizeof(struct xdp_frame), which the kernel keeps at the start of the headroom (include/net/xdp.h). */
const FRAME_HEADER = 40;
/** A page less room for struct skb_shared_info: where the kernel's test run ends its buffer. */
const BUFFER_SIZE = 4096 - 320;
const ETHERNET_HEADER = 14;

/** One buffer, used again for every run. */
export class Packet {
  readonly #memory: Memory;
  readonly #region = createRegion("packet", Buffer.alloc(BUFFER_SIZE));
  /** Where the room behind the packet ends. */
  #limit = BUFFER_SIZE;
  #wholeEnd = 0;
  /** Upper half of pointers into the packet. */
  readonly high: number;

  constructor(memory: Memory) {
    this.#memory = memory;
    this.high = memory.add(this.#region);
  }

  /** Offset of the first byte; pointers to it have this as their lower half. */
  get start(): number {
    return this.#region.start;
  }

  /** Offset after the last byte that programs may touch. */
  get end(): number {
    return this.#region.end;
  }

  /** Offset after the last byte. Only of a socket buffer are there more than programs may touch. */
  get wholeEnd(): number {
    return this.#wholeEnd;
  }

  get view(): DataView {
    return this.#region.view;
  }

  /** Bytes 12 and 13 as the number a little-endian load of them gives (`protocol` of __sk_buff). */
  get etherType(): number {
    const { start, end, view } = this.#region;
    return end - start < ETHERNET_HEADER ? 0 : view.getUint16(start + 12, true);
  }

  /** Puts `bytes` in the buffer, which grows if it must. */
  fill(bytes: Uint8Array): void {
    const region = this.#region;
    this.#limit = Math.max(BUFFER_SIZE, HEADROOM + bytes.length);
    if (this.#limit > region.bytes.length) {
      region.bytes = Buffer.alloc(this.#limit);
      region.view = viewOf(region.bytes);
    }
    region.bytes.fill(0);
    region.bytes.set(bytes, HEADROOM);
    region.start = HEADROOM;
    region.end = HEADROOM + bytes.length;
    this.#wholeEnd = region.end;
  }

  /** A copy of the packet as it is now. */
  copy(): Uint8Array {
    return new Uint8Array(this.#region.bytes.subarray(this.start, this.#wholeEnd));
  }

  /** `length` live bytes at `offset`, or undefined where the packet does not have them. */
  slice(offset: number, length: number): Uint8Array | undefined {
    if (offset < 0 || length < 0 || offset + length > this.#wholeEnd - this.start) return undefined;
    return this.#region.bytes.subarray(this.start + offset, this.start + offset + length);
  }

  /** Moves the first byte; false where the kernel would refuse (net/core/filter.c, bpf_xdp_adjust_head). */
  adjustHead(delta: number): boolean {
    const start = this.#region.start + delta;
    if (start < FRAME_HEADER || start > this.#region.end - ETHERNET_HEADER) return false;
    this.#region.start = start;
    return true;
  }

  /** Moves the end; new bytes are zero (net/core/filter.c, bpf_xdp_adjust_tail). */
  adjustTail(delta: number): boolean {
    const region = this.#region;
    const end = region.end + delta;
    if (end > this.#limit || end < region.start + ETHERNET_HEADER) return false;
    if (delta > 0) region.bytes.fill(0, region.end, end);
    region.end = end;
    this.#wholeEnd = end;
    return true;
  }

  /** Live bytes between two offsets of the buffer. */
  bytesFrom(from: number, to: number): Uint8Array {
    return this.#region.bytes.subarray(from, to);
  }

  /** Leaves programs only the first `bytes` bytes. */
  cutReadable(bytes: number): void {
    this.#region.end = Math.min(this.#wholeEnd, this.start + bytes);
  }

  /** Lets programs touch at least the first `bytes` bytes; false where there are not so many. */
  makeReadable(bytes: number): boolean {
    if (this.start + bytes > this.#wholeEnd) return false;
    this.#region.end = Math.max(this.#region.end, this.start + bytes);
    return true;
  }

  /** Puts `bytes` zeros behind the first `at` bytes, which move to the front; false where there is no room. */
  insertBytes(at: number, bytes: number): boolean {
    const region = this.#region;
    const start = region.start - bytes;
    if (start < 0) return false;
    region.bytes.copyWithin(start, region.start, region.start + at);
    region.bytes.fill(0, start + at, start + at + bytes);
    region.start = start;
    return true;
  }

  /** Takes `bytes` bytes out behind the first `at` bytes, which move to the back. */
  removeBytes(at: number, bytes: number): void {
    const region = this.#region;
    region.bytes.copyWithin(region.start + bytes, region.start, region.start + at);
    region.start += bytes;
  }

  close(): void {
    this.#memory.remove(this.high);
  }
}
