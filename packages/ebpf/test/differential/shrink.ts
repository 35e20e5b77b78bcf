// Makes a failing program small: deletes as long as it goes on failing. Whole statements first, then
// instructions, in chunks that get smaller, again and again until nothing more can go.

import { dropUncalled, type GeneratedProgram } from "./generator.ts";
import type { GeneratedItem } from "./scope.ts";

type Items = readonly GeneratedItem[];
type Fails = (candidate: GeneratedProgram) => boolean;

/** The smallest program found for which `fails` still holds; it must not for what cannot be loaded. */
export function shrink(program: GeneratedProgram, fails: Fails): GeneratedProgram {
  const attempt = (best: Items, items: Items): Items => {
    const candidate = dropUncalled(items);
    return fails({ ...program, items: candidate }) ? candidate : best;
  };
  let best = program.items;
  for (;;) {
    const before = best.length;
    best = deleteStatements(best, attempt);
    best = deleteInstructions(best, attempt);
    if (best.length === before) return { ...program, items: best };
  }
}

type Attempt = (best: Items, items: Items) => Items;

function deleteStatements(start: Items, attempt: Attempt): Items {
  let best = start;
  const statements = new Set(start.map(({ statement }) => statement));
  statements.delete(0);
  for (const wanted of statements) {
    const isPart = ({ statement }: GeneratedItem) => statement === wanted;
    const first = best.findIndex(isPart);
    if (first < 0) continue;
    const last = best.findLastIndex(isPart);
    best = attempt(best, [...best.slice(0, first), ...best.slice(last + 1)]);
  }
  return best;
}

function deleteInstructions(start: Items, attempt: Attempt): Items {
  let best = start;
  for (let size = 16; size >= 1; size /= 2) {
    for (let end = best.length; end > 0; end -= size) {
      const from = Math.max(0, end - size);
      const items = best.filter(({ isFixed }, index) => isFixed || index < from || index >= end);
      if (items.length < best.length) best = attempt(best, items);
    }
  }
  return best;
}
