// The cache of a server, against the plainest list that does the same.
import fc from "fast-check";
import { expect, test } from "vitest";
import { LruCache } from "./cache.ts";

test("has the keys asked for last, as many as fit", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 5 }), fc.array(fc.nat(8)), (size, keys) => {
      const cache = new LruCache(size);
      let newestFirst: readonly number[] = [];
      for (const key of keys) {
        expect(cache.visit(key)).toBe(newestFirst.includes(key));
        newestFirst = [key, ...newestFirst.filter((other) => other !== key)].slice(0, size);
      }
    }),
  );
});
