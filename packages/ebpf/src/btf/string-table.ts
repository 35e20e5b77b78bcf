// The string section of a BTF blob: each text once, ending in a zero byte, the empty one at 0.

/** Grows as texts are added; `bytes` is the section as it stands. */
export class StringTable {
  readonly #offsets = new Map<string, number>([["", 0]]);
  readonly #encoder = new TextEncoder();
  readonly #parts: Uint8Array[] = [new Uint8Array(1)];
  #size = 1;

  /** Byte offset of `text`. Throws a RangeError for a text that holds a zero byte. */
  add(text: string): number {
    const known = this.#offsets.get(text);
    if (known !== undefined) return known;
    if (text.includes("\0")) {
      throw new RangeError(`btf: string ${JSON.stringify(text)} holds a zero byte`);
    }
    const offset = this.#size;
    const part = this.#encoder.encode(`${text}\0`);
    this.#parts.push(part);
    this.#size += part.length;
    this.#offsets.set(text, offset);
    return offset;
  }

  bytes(): Uint8Array {
    const result = new Uint8Array(this.#size);
    let at = 0;
    for (const part of this.#parts) {
      result.set(part, at);
      at += part.length;
    }
    return result;
  }
}
