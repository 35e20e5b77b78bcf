// Configurations applied one after the other, whatever they are: the maps come to say what a fresh start with the last
// one makes them say; where one cannot be made, they say what they said before.

import { createMemoryHost } from "@yardmaster/ebpf/vm";
import fc from "fast-check";
import { expect } from "vitest";
import { Overlay } from "../../src/change/overlay.ts";
import { Transitions } from "../../src/change/transitions.ts";
import type { LiveServices } from "../../src/live/live-services.ts";
import type { VirtualService } from "../../src/model/virtual-service.ts";
import { fullShape, LiveGround, TICKS_PER_SECOND } from "../live/ground.ts";
import { server } from "../live/operations.ts";
import { service } from "../sample.ts";

const servers = fc.uniqueArray(
  fc.record({
    last: fc.integer({ min: 1, max: 4 }),
    weight: fc.integer({ min: 0, max: 3 }),
    forwarding: fc.constantFrom("nat" as const, "dr" as const),
  }),
  { selector: ({ last }) => last, maxLength: 4 },
);
const anyService = fc
  .record({
    port: fc.constantFrom(80, 81, 82),
    scheduler: fc.constantFrom("rr" as const, "wrr" as const, "sh" as const, "wlc" as const),
    drainMs: fc.constantFrom(0, 1000, 5000),
    servers,
  })
  .map(({ servers: list, ...rest }) =>
    service({ name: `s${rest.port}`, ...rest, servers: list.map(({ last, ...fields }) => server(last, fields)) }),
  );
const anyConfiguration = fc.uniqueArray(anyService, { selector: ({ name }) => name, maxLength: 3 });
/** More than there is room for, after something that there is room for. */
const tooMany = Array.from({ length: fullShape.maximumServices + 1 }, (_, at) =>
  service({ name: `many${at}`, port: 1000 + at, forwarding: "dr", servers: [server(1)] }),
);

/** Plays random sequences. */
export function playSequences(numRuns: number): void {
  fc.assert(
    fc.property(fc.array(anyConfiguration, { minLength: 1, maxLength: 5 }), (sequence) => {
      using ground = new LiveGround(createMemoryHost());
      const overlay = new Overlay();
      let nowMs = 0;
      const transitions = new Transitions({
        ...{ overlay, connectionsOf: () => 1, now: () => nowMs, report: () => undefined },
      });
      let current: readonly VirtualService[] = [];
      const refresh = (): void =>
        ground.live.reconcile(overlay.effective(transitions.withLeaving(current)), { arrival: "together" });
      const apply = (next: readonly VirtualService[]): void => {
        const undo = transitions.begin(current, next);
        try {
          const services = overlay.effective(transitions.withLeaving(next));
          ground.live.reconcile(services, { arrival: "together" });
          current = next;
        } catch (error) {
          undo();
          throw error;
        }
      };
      for (const next of sequence) {
        apply(next);
        const before = ground.picture();
        expect(() => apply([...next, ...tooMany])).toThrow(expect.objectContaining({ code: "YM_LIVE_NEEDS_PROGRAM" }));
        expect(ground.picture()).toEqual(before);
        nowMs += 700;
        transitions.tend();
        refresh();
      }
      nowMs += 10_000;
      transitions.tend();
      refresh();
      forgetRemoved(ground.live);
      using fresh = new LiveGround(createMemoryHost());
      fresh.live.reconcile(current, { arrival: "together" });
      forgetRemoved(fresh.live);
      expect(listed(ground)).toEqual(listed(fresh));
    }),
    { numRuns },
  );
}

/** Walks that see no connection, until what was removed is forgotten: two minutes. */
function forgetRemoved(live: LiveServices): void {
  for (const seconds of [0, 0, 121, 121, 242]) {
    const watch = live.watch();
    live.tend(seconds * TICKS_PER_SECOND, { watch, seen: { relying: new Set(), answered: new Set() } });
  }
}

/** The picture, whatever the order in which services came. */
function listed(ground: LiveGround): readonly string[] {
  return ground.picture().toSorted();
}
