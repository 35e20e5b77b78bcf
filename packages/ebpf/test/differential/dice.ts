// The generator's source of choices: the same seed gives the same choices for ever.

/** Seeded choices (splitmix32: a Weyl sequence through a mixer). */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0;
  }

  /** Any 32 bits, unsigned. */
  next(): number {
    this.#state = (this.#state + 0x9e37_79b9) | 0;
    let mixed = this.#state ^ (this.#state >>> 16);
    mixed = Math.imul(mixed, 0x21f0_aaad);
    mixed ^= mixed >>> 15;
    mixed = Math.imul(mixed, 0x735a_2d97);
    return (mixed ^ (mixed >>> 15)) >>> 0;
  }

  /** A whole number from `min` to `max`, both included. */
  between(min: number, max: number): number {
    return min + (this.next() % (max - min + 1));
  }

  chance(percent: number): boolean {
    return this.between(1, 100) <= percent;
  }

  pick<T>(choices: readonly T[]): T {
    const choice = choices[this.between(0, choices.length - 1)];
    if (choice === undefined) throw new RangeError("pick: nothing to choose from");
    return choice;
  }

  /** A signed 32-bit number; often one where arithmetic has an edge. */
  immediate(): number {
    if (this.chance(40)) return this.next() | 0;
    if (this.chance(50)) return this.between(-4, 4);
    return this.pick(EDGES) | 0;
  }

  /** An unsigned 64-bit number; often one where arithmetic has an edge. */
  wide(): bigint {
    if (this.chance(30)) return BigInt.asUintN(64, BigInt(this.immediate()));
    return (BigInt(this.immediate() >>> 0) << 32n) | BigInt(this.immediate() >>> 0);
  }

  bytes(length: number): Uint8Array {
    return Uint8Array.from({ length }, () => this.next() & 0xff);
  }
}

const EDGES = [0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000, 63, 64, 31, 32];
