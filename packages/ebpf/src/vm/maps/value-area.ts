// Where the values of one map lie: slots of one value per CPU, side by side in one region, so that
// pointers which programs hold stay good while the area grows.

import { createRegion, type Memory, type Region, toPointer, viewOf } from "../memory.ts";

const FIRST_SLOTS = 16;

/** Slots are given out and taken back; a slot's number never changes while it is in use. */
export class ValueArea {
  readonly #memory: Memory;
  readonly #region: Region;
  readonly #free: number[] = [];
  readonly #valueSize: number;
  #used = 0;
  /** Bytes from one CPU's value to the next: the value rounded up to 8, as in the kernel. */
  readonly stride: number;
  readonly cpus: number;
  /** Upper half of pointers into the area. */
  readonly high: number;

  constructor(
    memory: Memory,
    name: string,
    options: { readonly valueSize: number; readonly cpus: number; readonly readOnly: boolean },
  ) {
    this.#memory = memory;
    this.#valueSize = options.valueSize;
    this.cpus = options.cpus;
    this.stride = Math.ceil(options.valueSize / 8) * 8;
    this.#region = createRegion(`value of map "${name}"`, Buffer.alloc(0), {
      stride: this.stride,
      itemSize: options.valueSize,
      readOnly: options.readOnly,
    });
    this.high = memory.add(this.#region);
  }

  /** A slot whose values are zero. */
  allocate(): number {
    const slot = this.#free.pop() ?? this.#used++;
    const size = this.stride * this.cpus;
    if ((slot + 1) * size > this.#region.bytes.length) this.reserve(this.#used * 2);
    this.#region.bytes.fill(0, slot * size, (slot + 1) * size);
    return slot;
  }

  /** Makes room for `slots` slots. */
  reserve(slots: number): void {
    const bytes = Buffer.alloc(Math.max(slots, FIRST_SLOTS) * this.stride * this.cpus);
    this.#region.bytes.copy(bytes);
    this.#region.bytes = bytes;
    this.#region.view = viewOf(bytes);
    this.#region.end = bytes.length;
  }

  /** Takes a slot back once no running program can point into it. */
  release(slot: number): void {
    this.#memory.afterRun(() => this.#free.push(slot));
  }

  /** The live bytes of the value of `cpu` at `slot`. Good until the next `allocate`. */
  bytes(slot: number, cpu = 0): Buffer {
    const at = this.#offset(slot, cpu);
    return this.#region.bytes.subarray(at, at + this.#valueSize);
  }

  pointer(slot: number, cpu: number): bigint {
    return toPointer(this.high, this.#offset(slot, cpu));
  }

  close(): void {
    this.#memory.remove(this.high);
  }

  #offset(slot: number, cpu: number): number {
    return (slot * this.cpus + cpu) * this.stride;
  }
}
