// Which virtual registers still matter at the end of each block: the one analysis that dead-value
// removal and register allocation share.

import { type Block, definition, type IrFunction, successors, terminatorUses, uses } from "./operation.ts";

/** The result of the analysis. */
export interface Liveness {
  /** Ids of registers that are read after the end of `block`. A fresh set, free to change. */
  liveOut(block: Block): Set<number>;
}

/** Classic backward data flow over bit sets, until nothing changes. */
export function liveness(fn: IrFunction): Liveness {
  const words = Math.max(1, Math.ceil(fn.registers / 32));
  const read = new Map<Block, Uint32Array>();
  const written = new Map<Block, Uint32Array>();
  const liveIn = new Map<Block, Uint32Array>();
  for (const block of fn.blocks) {
    const reads = new Uint32Array(words);
    const writes = new Uint32Array(words);
    for (const operation of block.operations) {
      for (const { id } of uses(operation)) if (!has(writes, id)) add(reads, id);
      const target = definition(operation);
      if (target !== undefined) add(writes, target.id);
    }
    for (const { id } of terminatorUses(block.terminator)) if (!has(writes, id)) add(reads, id);
    read.set(block, reads);
    written.set(block, writes);
    liveIn.set(block, reads.slice());
  }
  const order = fn.blocks.toReversed();
  for (let changed = true; changed; ) {
    changed = false;
    for (const block of order) {
      const into = liveIn.get(block) as Uint32Array;
      const writes = written.get(block) as Uint32Array;
      for (const next of successors(block)) {
        const after = liveIn.get(next) as Uint32Array;
        for (let word = 0; word < words; word++) {
          const before = into[word] as number;
          const merged = (before | ((after[word] as number) & ~(writes[word] as number))) >>> 0;
          if (merged !== before) {
            into[word] = merged;
            changed = true;
          }
        }
      }
    }
  }
  return {
    liveOut(block) {
      const live = new Set<number>();
      for (const next of successors(block)) {
        const after = liveIn.get(next) as Uint32Array;
        after.forEach((bits, word) => {
          for (let rest = bits; rest !== 0; rest &= rest - 1) live.add(word * 32 + 31 - Math.clz32(rest & -rest));
        });
      }
      return live;
    },
  };
}

function has(set: Uint32Array, id: number): boolean {
  return (((set[id >>> 5] as number) >>> (id & 31)) & 1) === 1;
}

function add(set: Uint32Array, id: number): void {
  set[id >>> 5] = (set[id >>> 5] as number) | (1 << (id & 31));
}
