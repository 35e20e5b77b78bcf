// Finds reads of registers that some path from the function's entry has not written: a value made in a
// branch and used behind it. Allocation would hand out whatever the register held before.

import type { SourcePosition } from "../asm/index.ts";
import { liveness } from "./liveness.ts";
import { type Block, definition, type IrFunction, successors, terminatorUses, uses } from "./operation.ts";

/** A read that may find nothing. */
export interface UndefinedRead {
  readonly readAt: SourcePosition | undefined;
  /** Where the value is made on other paths; undefined where nothing ever makes it. */
  readonly madeAt: SourcePosition | undefined;
}

/** The first such read, or undefined where every read finds a value. */
export function undefinedRead(fn: IrFunction): UndefinedRead | undefined {
  const [entry] = fn.blocks;
  if (entry === undefined) return undefined;
  const parameters = new Set(fn.parameters.map(({ id }) => id));
  const id = [...liveAtStart(fn, entry)].find((live) => !parameters.has(live));
  if (id === undefined) return undefined;
  const maker = fn.blocks.flatMap(({ operations }) => operations).find((made) => definition(made)?.id === id);
  return { readAt: firstRead(entry, id), madeAt: maker?.source };
}

function liveAtStart(fn: IrFunction, entry: Block): ReadonlySet<number> {
  const live = liveness(fn).liveOut(entry);
  for (const { id } of terminatorUses(entry.terminator)) live.add(id);
  for (const operation of entry.operations.toReversed()) {
    const written = definition(operation);
    if (written !== undefined) live.delete(written.id);
    for (const { id } of uses(operation)) live.add(id);
  }
  return live;
}

/** Where a path that has not written `id` comes upon its first read. */
function firstRead(entry: Block, id: number): SourcePosition | undefined {
  const seen = new Set<Block>();
  const pending: Block[] = [entry];
  for (let block = pending.shift(); block !== undefined; block = pending.shift()) {
    if (seen.has(block)) continue;
    seen.add(block);
    const isRead = (registers: readonly { readonly id: number }[]) => registers.some((register) => register.id === id);
    const next = block.operations.find((operation) => isRead(uses(operation)) || definition(operation)?.id === id);
    if (next !== undefined && isRead(uses(next))) return next.source;
    if (next !== undefined) continue;
    if (isRead(terminatorUses(block.terminator))) return block.terminator?.source;
    pending.push(...successors(block));
  }
  return undefined;
}
