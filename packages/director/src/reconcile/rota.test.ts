// Walks over a table of which only parts are read: nothing is missed whatever comes and goes in between, and what has
// nothing to do is left alone.

import fc from "fast-check";
import { expect, it } from "vitest";
import { hasPassed } from "./reaper.ts";
import { type Read, Rota, type Seen } from "./rota.ts";

/** Ticks that an entry has at least from a change on. */
const SOONEST = 10;
const BUCKETS = 64;
const ROOM = 4;

/** A table like the kernel's: entries in buckets, read from a bucket on. */
class Table {
  now: number;
  reads = 0;
  readonly #rota = new Rota();
  /** Bucket and tick of the end, by name. */
  readonly entries = new Map<number, { readonly bucket: number; expiry: number }>();

  constructor(now: number) {
    this.now = now;
  }

  put(name: number, ticks: number): void {
    const bucket = Math.imul(name, 0x9e37_79b1) >>> 26;
    this.entries.set(name, { bucket, expiry: (this.now + SOONEST + ticks) >>> 0 });
  }

  /** One walk; entries whose time is up go. */
  walk(): void {
    for (const _ of this.#rota.walk((seen) => this.#isDue(seen), this.#read));
  }

  get held(): number {
    return this.#rota.held.entries;
  }

  #isDue({ readAt, earliest }: Seen): boolean {
    return hasPassed(readAt + SOONEST, this.now) || (earliest !== undefined && hasPassed(earliest, this.now));
  }

  readonly #read: Read = (from) => {
    this.reads += 1;
    let next = from;
    const found: number[] = [];
    for (; next < BUCKETS; next++) {
      const here = [...this.entries].filter(([, { bucket }]) => bucket === next).map(([name]) => name);
      if (found.length > 0 && found.length + here.length > ROOM) break;
      found.push(...here);
    }
    let left: number | undefined;
    let entries = 0;
    for (const name of found) {
      const { expiry = 0 } = this.entries.get(name) ?? {};
      if (hasPassed(expiry, this.now)) this.entries.delete(name);
      else {
        entries += 1;
        left = Math.min(left ?? Infinity, (expiry - this.now) | 0);
      }
    }
    const earliest = left === undefined ? undefined : (this.now + left) >>> 0;
    return { entries, connections: entries, readAt: this.now, earliest, next: next < BUCKETS ? next : undefined };
  };
}

it("ends everything at the first walk after its time, whatever came, changed and went in between", () => {
  const name = fc.nat(200);
  const event = fc.oneof(
    fc.record({ kind: fc.constant("put" as const), name, ticks: fc.nat(60) }),
    fc.record({ kind: fc.constant("remove" as const), name }),
    fc.record({ kind: fc.constant("walk" as const), afterTicks: fc.integer({ min: 1, max: 15 }) }),
  );
  fc.assert(
    fc.property(
      fc.array(event, { maxLength: 200 }),
      fc.constantFrom(0, 1000, 0xffff_ffe0, 0x7fff_fff0),
      (events, start) => {
        const table = new Table(start);
        for (const one of events) {
          if (one.kind === "put") table.put(one.name, one.ticks);
          else if (one.kind === "remove") table.entries.delete(one.name);
          else {
            table.now = (table.now + one.afterTicks) >>> 0;
            table.walk();
            expect([...table.entries.values()].filter(({ expiry }) => hasPassed(expiry, table.now))).toEqual([]);
          }
        }
      },
    ),
    { numRuns: 500 },
  );
});

it("reads all of a table first, and again only what may be due", () => {
  const table = new Table(0);
  for (let name = 0; name < 100; name++) table.put(name, 1000);
  table.put(100, 5);
  table.walk();
  const whole = table.reads;
  expect(whole).toBeGreaterThan(100 / ROOM);
  expect(table.held).toBe(101);
  for (table.now = 1; table.now < SOONEST; table.now++) table.walk();
  expect(table.reads).toBe(whole);
  table.walk();
  expect(table.reads).toBe(2 * whole);
  table.now = SOONEST + 5;
  table.walk();
  expect(table.reads).toBe(2 * whole + 1);
  expect([table.held, table.entries.has(100)]).toEqual([100, false]);
});

it("has fewer parts again when a table has emptied", () => {
  const table = new Table(0);
  for (let name = 0; name < 100; name++) table.put(name, 0);
  table.walk();
  const whole = table.reads;
  table.now = SOONEST;
  for (let walks = 0; walks < 3; walks++, table.now += SOONEST) {
    table.reads = 0;
    table.walk();
  }
  expect(table.reads).toBeLessThan(whole / 10);
  expect(table.held).toBe(0);
});
