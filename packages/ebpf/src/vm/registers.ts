// The eleven 64-bit registers, each a pair of 32-bit halves: arithmetic on halves is many times faster
// in JavaScript than on BigInts, and is done in alu.ts.

/** Registers r0–r10. Halves are signed 32-bit numbers; what they mean is up to the reader. */
export class Registers {
  readonly #words = new Int32Array(22);

  low(register: number): number {
    return this.#words[register << 1] as number;
  }

  high(register: number): number {
    return this.#words[(register << 1) | 1] as number;
  }

  set(register: number, low: number, high: number): void {
    this.#words[register << 1] = low;
    this.#words[(register << 1) | 1] = high;
  }

  /** The whole register, unsigned. */
  get64(register: number): bigint {
    return toUint64(this.low(register), this.high(register));
  }

  /** Sets the whole register to `value` modulo 2^64. */
  set64(register: number, value: bigint): void {
    this.set(register, Number(BigInt.asIntN(32, value)), Number(BigInt.asIntN(32, value >> 32n)));
  }
}

/** An unsigned 64-bit value from its halves. */
export function toUint64(low: number, high: number): bigint {
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

/** A signed 64-bit value from its halves. */
export function toInt64(low: number, high: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low >>> 0);
}
