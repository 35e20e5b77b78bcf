// What lblc and lblcr remember, seen in the maps: full maps, sets that grow and shrink, and CPUs at once.

import { createMemoryHost } from "@yardmaster/ebpf/vm";
import { describe, expect, test } from "vitest";
import { Asker, type AskerOptions } from "./asker.ts";
import { NO_SET } from "../../src/index.ts";
import { memberOf, membersOf } from "./members.ts";

const EXPIRATION = 100;
const asking = (scheduler: "lblc" | "lblcr", options: Partial<AskerOptions> = {}) =>
  new Asker(createMemoryHost(), { scheduler, localitySetTicks: EXPIRATION, ...options });

const busy = (active: number) => ({ active, inactive: 0 });
const ADDRESS = 0x0a04_0001;

/** Destinations of the address's set, the newest first. */
function setOf(asker: Asker): number[] {
  const { localities, localityMembers } = asker.maps;
  const [[, known] = []] = [...asker.map(localities).entries()];
  if (known === undefined) return [];
  const { set, size } = known;
  return Array.from({ length: size }, (_, place) => {
    return asker.map(localityMembers).lookup({ set, place: size - 1 - place })?.destination ?? -1;
  });
}

describe.each(["lblc", "lblcr"] as const)("%s", (scheduler) => {
  test("notes when an address was used last, and forgets none", () => {
    using asker = asking(scheduler);
    asker.start(membersOf([1, 1]));
    for (const now of [5, 9]) asker.ask({ address: ADDRESS, now });
    asker.ask({ address: ADDRESS + 1, now: 12 });
    const known = [...asker.map(asker.maps.localities).entries()].map(([{ address, service }, { usedAt }]) => {
      return [address[0], service, usedAt];
    });
    expect(known).toEqual([
      [ADDRESS, 1, 9],
      [ADDRESS + 1, 1, 12],
    ]);
  });

  test("goes on by least connections where there is no room to remember", () => {
    using asker = asking(scheduler, { maximumLocalities: 2 });
    asker.start(membersOf([1, 1]));
    for (let address = 1; address <= 2; address++) expect(asker.ask({ address })).toBe(0);
    asker.setLoad(0, busy(1));
    for (let address = 3; address <= 9; address++) expect(asker.ask({ address })).toBe(1);
    expect([1, 2].map((address) => asker.ask({ address }))).toEqual([0, 0]);
    expect([...asker.map(asker.maps.localities).entries()].length).toBe(2);
  });

  test("refuses where nobody can take a connection, and remembers nothing of it", () => {
    using asker = asking(scheduler);
    asker.start(membersOf([0, 0]));
    expect(asker.ask({ address: ADDRESS })).toBe(undefined);
    expect([...asker.map(asker.maps.localities).entries()]).toEqual([]);
  });

  test("moves an address on from a removed server, and knows the server again when it is back", () => {
    using asker = asking(scheduler);
    asker.start(membersOf([1, 1]));
    expect(asker.ask({ address: ADDRESS })).toBe(0);
    asker.change([memberOf(1)]);
    asker.change(membersOf([1, 1]));
    asker.setLoad(0, busy(1));
    expect(asker.ask({ address: ADDRESS })).toBe(0);
    asker.change([memberOf(1)]);
    expect(asker.ask({ address: ADDRESS })).toBe(1);
  });
});

describe.each([
  ["lblc", "lblcr"],
  ["lblcr", "lblc"],
] as const)("%s where %s was the scheduler", (scheduler, former) => {
  test("is as good as new: an address that is known goes where one goes that is not", () => {
    using asker = asking(scheduler);
    const { localities } = asker.maps;
    asker.start(membersOf([1, 1]));
    using before = asking(former);
    before.start(membersOf([1, 1]));
    for (const address of [1, 2]) before.ask({ address });
    for (const [key, value] of before.map(before.maps.localities).entries()) asker.map(localities).update(key, value);
    asker.setLoad(0, busy(1));
    expect(asker.ask({ address: 3 })).toBe(1);
    expect([1, 2].map((address) => asker.ask({ address }))).toEqual([1, 1]);
  });
});

describe("lblcr's sets", () => {
  test("are each address's own where lblc was the scheduler", () => {
    using asker = asking("lblcr");
    asker.start(membersOf([1, 1]));
    for (const address of [1, 2]) {
      const remembered = { destination: 0, usedAt: 0, set: NO_SET, size: 0, changedAt: 0, isChanging: 0 };
      asker.map(asker.maps.localities).update({ address: [address, 0, 0, 0], service: 1 }, remembered);
      asker.ask({ address });
    }
    const known = [...asker.map(asker.maps.localities).entries()].map(([, { set, size }]) => ({ set, size }));
    expect(known).toEqual([
      { set: 0, size: 1 },
      { set: 1, size: 1 },
    ]);
  });

  /** A, B and C in the set, C the newest. */
  function withThree(): Asker {
    const asker = asking("lblcr");
    asker.start(membersOf([1, 1, 1]));
    asker.ask({ address: ADDRESS, now: 1 });
    for (const [index, now] of [
      [0, 2],
      [1, 3],
    ] as const) {
      asker.setLoad(index, busy(2));
      expect(asker.ask({ address: ADDRESS, now })).toBe(index + 1);
    }
    expect(setOf(asker)).toEqual([2, 1, 0]);
    return asker;
  }

  test("grow while the least busy member has more than its weight and somebody is half idle", () => {
    using asker = withThree();
    asker.setLoad(2, busy(1));
    expect(asker.ask({ address: ADDRESS, now: 4 })).toBe(2);
    expect(setOf(asker)).toEqual([2, 1, 0]);
  });

  test("give the newest of equal members", () => {
    using asker = withThree();
    for (const index of [0, 1, 2]) asker.setLoad(index, busy(1));
    expect(asker.ask({ address: ADDRESS, now: 4 })).toBe(2);
  });

  test("lose the busiest member once they have not changed for too long, one at a time, and never the last", () => {
    using asker = withThree();
    asker.setLoad(1, busy(3));
    asker.setLoad(2, busy(1));
    asker.ask({ address: ADDRESS, now: 3 + EXPIRATION });
    expect(setOf(asker)).toEqual([2, 1, 0]);
    asker.ask({ address: ADDRESS, now: 4 + EXPIRATION });
    expect(setOf(asker)).toEqual([2, 0]);
    asker.ask({ address: ADDRESS, now: 5 + EXPIRATION });
    expect(setOf(asker)).toEqual([2, 0]);
    asker.ask({ address: ADDRESS, now: 5 + 2 * EXPIRATION });
    expect(setOf(asker)).toEqual([2]);
    asker.ask({ address: ADDRESS, now: 6 + 4 * EXPIRATION });
    expect(setOf(asker)).toEqual([2]);
  });

  test("count members that were removed, and lose them like others, but none of weight 0", () => {
    using asker = withThree();
    asker.change([memberOf(0, 0), memberOf(1)]);
    asker.setLoad(0, busy(9));
    asker.setLoad(1, busy(1));
    asker.setLoad(2, busy(5));
    expect(asker.ask({ address: ADDRESS, now: 4 + EXPIRATION })).toBe(1);
    expect(setOf(asker)).toEqual([1, 0]);
  });

  test("are left alone while another CPU is changing them", () => {
    using asker = withThree();
    const { localities } = asker.maps;
    const [[key, known] = []] = [...asker.map(localities).entries()];
    if (key === undefined || known === undefined) throw new Error("an address is known");
    asker.map(localities).update(key, { ...known, isChanging: 1 });
    asker.setLoad(2, busy(1));
    expect(asker.ask({ address: ADDRESS, now: 4 + EXPIRATION })).toBe(2);
    expect(setOf(asker)).toEqual([2, 1, 0]);
  });

  test("that are full of places stay as they are", () => {
    using asker = asking("lblcr", { maximumPlaces: 1 });
    asker.start(membersOf([1, 1]));
    asker.ask({ address: ADDRESS });
    asker.setLoad(0, busy(2));
    expect(asker.ask({ address: ADDRESS })).toBe(1);
    expect(setOf(asker)).toEqual([0]);
  });
});
