// Reading a ring buffer map: records that programs left, in order, without a system call. Its layout is in
// kernel/bpf/ringbuf.c: a page with the consumer's position, one with the producer's, then the data twice in
// a row so that no record is torn.

import { MappedMemory, pageSize } from "@yardmaster/linux";
import { ObjectError } from "./errors.ts";
import type { KernelMap } from "./map.ts";

/** Bits of a record's first word (include/uapi/linux/bpf.h); the rest is its length. */
const BUSY = 0x8000_0000;
const DISCARD = 0x4000_0000;
const LENGTH_MASK = 0x3fff_ffff;
/** BPF_RINGBUF_HDR_SZ */
const HEADER_SIZE = 8;

/** The reading end of a ring buffer. There must be one only. */
export class RingBuffer implements Disposable {
  readonly #consumer: MappedMemory;
  readonly #producer: MappedMemory;
  readonly #consumed: BigUint64Array;
  readonly #produced: BigUint64Array;
  readonly #headers: Uint32Array;
  readonly #data: Uint8Array;
  readonly #mask: number;

  /** Maps the buffer into memory; the map itself may be closed after that. */
  constructor(map: KernelMap) {
    const { type, name, maxEntries } = map.spec;
    if (type !== "ringbuf")
      throw new ObjectError("YM_MAP_USE", `reading map "${name}" as a ring buffer: it is a ${type}`);
    const page = pageSize();
    using stack = new DisposableStack();
    this.#consumer = stack.use(new MappedMemory({ fd: map.fd, length: page, access: "read-write" }));
    const length = page + 2 * maxEntries;
    this.#producer = stack.use(new MappedMemory({ fd: map.fd, length, offset: page, access: "read" }));
    stack.move();
    this.#consumed = new BigUint64Array(this.#consumer.buffer, 0, 1);
    this.#produced = new BigUint64Array(this.#producer.buffer, 0, 1);
    this.#headers = new Uint32Array(this.#producer.buffer, page);
    this.#data = new Uint8Array(this.#producer.buffer, page);
    this.#mask = maxEntries - 1;
  }

  /**
   * Hands the records that are there to `handle`, at most `limit` of them, and returns how many. What
   * `handle` gets is the ring's own memory: it is overwritten after `handle` returns. A record whose handler
   * throws is gone.
   */
  drain(handle: (record: Uint8Array) => void, limit = Number.POSITIVE_INFINITY): number {
    let handled = 0;
    let position = Number(Atomics.load(this.#consumed, 0));
    // What comes while we read waits for the next call, so that a busy producer cannot keep us here.
    const end = Number(Atomics.load(this.#produced, 0));
    while (handled < limit && position < end) {
      const at = position & this.#mask;
      const header = Atomics.load(this.#headers, at / 4);
      // A program has reserved it and is still writing: everything behind it waits, too.
      if ((header & BUSY) !== 0) break;
      const length = header & LENGTH_MASK;
      position += Math.ceil((length + HEADER_SIZE) / 8) * 8;
      try {
        if ((header & DISCARD) === 0) {
          handled += 1;
          handle(this.#data.subarray(at + HEADER_SIZE, at + HEADER_SIZE + length));
        }
      } finally {
        Atomics.store(this.#consumed, 0, BigInt(position));
      }
    }
    return handled;
  }

  close(): void {
    this.#producer.close();
    this.#consumer.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }
}
