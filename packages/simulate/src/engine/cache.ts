// What a caching server remembers: the last so many keys that it was asked for.

/** A cache that forgets what was used longest ago. Keys are addresses as numbers. */
export class LruCache {
  readonly #size: number;
  /** In order of use: a Set keeps the order of insertion. */
  readonly #keys = new Set<number>();

  /** A cache for `size` keys. */
  constructor(size: number) {
    this.#size = size;
  }

  /** Asks for a key, which it then has. Returns whether it had it before. */
  visit(key: number): boolean {
    const isHit = this.#keys.delete(key);
    this.#keys.add(key);
    if (this.#keys.size > this.#size) {
      for (const oldest of this.#keys) {
        this.#keys.delete(oldest);
        break;
      }
    }
    return isHit;
  }
}
