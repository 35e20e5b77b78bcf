// What a soak has its director run: whatever is drawn is a configuration without faults that leaves two servers of each
// service to be asked, and the same seed draws the same.
import { parseConfiguration } from "@yardmaster/director";
import { seededRandom } from "@yardmaster/packet";
import { describe, expect, test } from "vitest";

import { Schedule } from "./schedule.ts";
import { soakLayout } from "./soak-layout.ts";
import { byHand, firstWanted, type Wanted, wantedText, withOtherServers, withOtherShape } from "./wanted.ts";

const layout = soakLayout();
const servicesOf = (wanted: Wanted) => parseConfiguration(wantedText(wanted), "soak.yaml").configuration.services;

function drawn(seed: number, count: number): readonly Wanted[] {
  const random = seededRandom(seed);
  const all = [firstWanted(layout)];
  for (let at = 0; at < count; at += 1) {
    const draw = { random, dead: at % 3 === 0 ? "server2" : undefined };
    const make = at % 2 === 0 ? withOtherServers : withOtherShape;
    all.push(make(all.at(-1) ?? firstWanted(layout), draw));
  }
  return all;
}

describe("the configurations of a soak", () => {
  test("have a service of each method in both families", () => {
    expect(servicesOf(firstWanted(layout)).map(({ name }) => name)).toEqual(
      ["ipv4", "ipv6"].flatMap((family) => ["nat", "dr", "tun", "fullnat"].map((method) => `${method}-${family}`)),
    );
  });

  test("have no fault, and two servers that take connections, whatever is drawn", () => {
    for (const wanted of drawn(11, 200)) {
      for (const { servers } of servicesOf(wanted)) {
        expect(servers.filter(({ weight }) => weight > 0).length).toBeGreaterThanOrEqual(2);
      }
    }
  });

  test("are the same for the same seed", () => {
    expect(drawn(3, 20).map(wantedText)).toEqual(drawn(3, 20).map(wantedText));
  });

  test("a change of servers changes the file; a dead server neither comes nor goes", () => {
    const random = seededRandom(5);
    let wanted = firstWanted(layout);
    for (let at = 0; at < 100; at += 1) {
      const after = withOtherServers(wanted, { random, dead: "server3" });
      expect(wantedText(after)).not.toBe(wantedText(wanted));
      wanted = after;
    }
    expect(wanted.services.flatMap(({ servers }) => servers.filter(({ host }) => host === "server3"))).toEqual(
      wanted.services.flatMap(({ servers }) =>
        servers.filter(({ host }) => host === "server3").map((server) => ({ ...server, isThere: true })),
      ),
    );
  });

  test("a change by hand is one server of one service", () => {
    const random = seededRandom(6);
    const before = firstWanted(layout);
    const methods = new Set<string>();
    for (let at = 0; at < 50; at += 1) {
      const { wanted, change } = byHand(before, { random, dead: undefined });
      methods.add(change.method);
      expect(wanted.services.filter((service, index) => service !== before.services[index])).toHaveLength(1);
      expect(change.path).toMatch(/^\/v1\/services\/\w+-ipv[46]\/servers/);
    }
    expect([...methods].toSorted()).toEqual(["DELETE", "PATCH"]);
  });
});

describe("the schedule", () => {
  test("does exactly so much", () => {
    const schedule = new Schedule(seededRandom(2), { reloads: 5, kills: 2, swaps: 3 });
    const counts: Record<string, number> = {};
    while (!schedule.isOver) {
      const kind = schedule.next();
      counts[kind] = (counts[kind] ?? 0) + 1;
      schedule.done(kind);
    }
    expect(counts).toMatchObject({ reload: 5, kill: 2, swap: 3 });
  });

  test("keeps to what does not stop the director, where it is told to", () => {
    for (const amounts of [undefined, { reloads: 1, kills: 9, swaps: 9 }, { reloads: 0, kills: 9, swaps: 9 }]) {
      const schedule = new Schedule(seededRandom(4), amounts);
      expect(["reload", "hand"]).toContain(schedule.next("reloads"));
    }
  });

  test("has no end without amounts", () => {
    const schedule = new Schedule(seededRandom(2), undefined);
    expect(Array.from({ length: 500 }, () => schedule.next())).toContain("restart");
    expect(schedule.isOver).toBe(false);
  });
});
