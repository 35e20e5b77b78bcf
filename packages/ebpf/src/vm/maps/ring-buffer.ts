// The ring buffer: records go in from programs and come out in order (kernel/bpf/ringbuf.c). Each takes
// 8 bytes more than its data, rounded up to 8, and a full buffer refuses the next.

import { EAGAIN, EINVAL, type Store } from "./store.ts";
import type { ValueArea } from "./value-area.ts";

const HEADER = 8;

/** A store without keys. */
export class RingBuffer implements Store {
  readonly values: ValueArea;
  readonly #size: number;
  readonly #records: Uint8Array[] = [];
  #used = 0;

  constructor(values: ValueArea, size: number) {
    this.values = values;
    this.#size = size;
  }

  /** 0, or -EAGAIN when there is no room. */
  write(data: Uint8Array): number {
    const room = Math.ceil((data.length + HEADER) / 8) * 8;
    if (this.#used + room > this.#size) return -EAGAIN;
    this.#used += room;
    this.#records.push(new Uint8Array(data));
    return 0;
  }

  /** Takes all records out, oldest first. */
  drain(): Uint8Array[] {
    this.#used = 0;
    return this.#records.splice(0);
  }

  find(_key: Uint8Array): number {
    return -1;
  }

  claim(_key: Uint8Array, _flags: number): number {
    return -EINVAL;
  }

  remove(_key: Uint8Array): number {
    return -EINVAL;
  }

  entries(): Iterable<readonly [Uint8Array, number]> {
    return [];
  }
}
