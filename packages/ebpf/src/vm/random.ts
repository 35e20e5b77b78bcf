// Random numbers that are the same in every run, so that what the interpreter did can be seen again.

/** A generator of unsigned 32-bit numbers (xorshift32). */
export function createRandom(seed: number): () => number {
  // The state must not be zero: the generator would stay there.
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
}
