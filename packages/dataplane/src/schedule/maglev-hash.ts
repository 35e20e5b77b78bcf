// mh: the client's address decides, by a table that moves few clients when a server comes or goes (Maglev).
// The rule: shared behaviour reference §3, net/netfilter/ipvs/ip_vs_mh.c.

import { type Int, u32, variable, when } from "@yardmaster/ebpf";
import { type ListedMember, NO_DESTINATION, type Scheduler, schedulerOptions } from "./scheduler.ts";
import type { Scheduling } from "./scheduling.ts";
import { stagedSipHash, sipHash } from "./siphash.ts";
import { search } from "./slots.ts";
import { clientKey } from "./source-hash.ts";
import { commonDivisor } from "./weights.ts";

/** Slots of a table unless another prime is asked for (IP_VS_MH_TAB_SIZE with the kernel's default). */
export const MAGLEV_SLOTS = 4093;
/**
 * Primes, and for how many servers of equal weight a table of so many slots will do: when one of them leaves, at most
 * 1.1 times its share of the clients moves on average. The kernel's table is good for few.
 */
export const maglevSizes = [
  { slots: MAGLEV_SLOTS, servers: 8 },
  { slots: 65_537, servers: 20 },
  { slots: 131_071, servers: 32 },
  { slots: 655_373, servers: 64 },
] as const;
/** Both halves of the keys for where a server's slots begin, and how far apart they are. */
const OFFSET_KEY = 2_654_435_761n;
const SKIP_KEY = 2_654_446_892n;
/** Bits that turns are cut down to: half of those of the number of slots (IP_VS_MH_TAB_BITS). */
const turnBits = (slots: number) => bitLength(slots) >>> 1;
const bitLength = (number: number) => 32 - Math.clz32(number);

/** NO_DESTINATION, where a slot is a signed number. */
const FREE = NO_DESTINATION | 0;

/** A server on its way through the table. */
interface Preference {
  readonly destination: number;
  slot: number;
  readonly skip: number;
  /** Slots that it takes when it is its turn. */
  readonly turns: number;
}

/**
 * Each member in turn takes as many of the slots it likes best as its last weight says, until none is free. `slots`
 * is a prime; all NO_DESTINATION where no member ever had a weight.
 */
export function maglevTable(members: readonly ListedMember[], slots = MAGLEV_SLOTS): Uint32Array {
  const table = new Uint32Array(slots).fill(NO_DESTINATION);
  const takers = preferences(members, slots);
  if (takers.length === 0) return table;
  // As small numbers, and without a division for each step: of a thousand tables this is most of the work.
  const taken = new Int32Array(table.buffer);
  for (let free = slots; free > 0; ) {
    for (const taker of takers) {
      const { skip } = taker;
      let { slot } = taker;
      for (let turn = 0; turn < taker.turns && free > 0; turn++) {
        while (taken[slot] !== FREE) slot += slot + skip < slots ? skip : skip - slots;
        taken[slot] = taker.destination;
        free -= 1;
      }
      taker.slot = slot;
    }
  }
  return table;
}

function preferences(members: readonly ListedMember[], slots: number): Preference[] {
  const divisor = commonDivisor(members.map(({ lastWeight }) => lastWeight));
  const largest = members.reduce((known, { lastWeight }) => Math.max(known, lastWeight), 0);
  const shift = Math.max(bitLength(largest / divisor) - turnBits(slots), 0);
  return members
    .filter(({ lastWeight }) => lastWeight > 0)
    .map(({ destination, lastWeight, addressFold, port }) => {
      const value = (addressFold + port) >>> 0;
      return {
        destination,
        slot: sipHash(value, OFFSET_KEY) % slots,
        skip: (sipHash(value, SKIP_KEY) % (slots - 1)) + 1,
        turns: Math.max((lastWeight / divisor) >>> shift, 1),
      };
    });
}

/** Maglev hashing. With `mh-port` clients are told apart by port; with `mh-fallback` refused ones go elsewhere. */
export const maglevHash: Scheduler = {
  name: "mh",
  code: 8,
  options: ["mh-port", "mh-fallback"],
  table: maglevTable,
  tableSizes: maglevSizes,
  choose(scheduling: Scheduling): Int<"u32"> {
    const { service } = scheduling;
    const length = service.tableLength;
    const rounds = variable(u32(1));
    when(service.options.and(schedulerOptions["mh-fallback"]).ne(0), () => rounds.set(length.add(1)));
    return search(scheduling, {
      name: "walk_mh",
      times: rounds.get(),
      fields: { key: u32, first: u32, length: u32 },
      initial: { key: clientKey(scheduling, schedulerOptions["mh-port"]), first: 0, length },
      slotOf(state, round) {
        // The client's own slot, then those of its key and 0, 1, 2 … that slot further on.
        const offset = variable(u32(0));
        when(round.ne(0), () => offset.set(state.first.add(round).sub(1).mod(state.length)));
        const slot = stagedSipHash(state.key.add(offset.get()), OFFSET_KEY).mod(state.length);
        when(round.eq(0), () => (state.first = slot));
        return slot;
      },
    });
  },
};
