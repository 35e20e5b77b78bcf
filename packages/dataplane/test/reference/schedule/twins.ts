// All of the reference's schedulers behind one face, with what each keeps between two connections.

import type { SchedulerName } from "../../../src/index.ts";
import { pickFo, pickLc, pickNq, pickOvf, pickSed, pickTwos, pickWlc } from "./by-cost.ts";
import { mhTable, pickDh, pickMh, pickSh } from "./by-hash.ts";
import { type LblcMemory, type LblcrMemory, pickLblc, pickLblcr } from "./by-locality.ts";
import { HEAD, pickRr, pickWrr, rrAfterRemoval, wrrMoved, wrrStart, type WrrState } from "./round-robin.ts";
import { type Choice, costOf, type TwinAsk, type TwinFlags, type TwinServer } from "./server.ts";

/** What a twin is told. The list changes under it: `changed` says so. */
export interface TwinService {
  list: readonly TwinServer[];
  readonly activeCost: number;
  readonly flags: TwinFlags;
  /** lblcr_expiration, in ticks. */
  readonly expiration: number;
  readonly mhSize: number;
  /** The next random number that the scheduler under test will get. */
  readonly draw: () => number;
}

export interface Twin {
  pick(ask: TwinAsk): Choice;
  /** The list was `before`, and one server came, went, or has another weight. */
  changed(before: readonly TwinServer[]): void;
}

const unchanged = (): void => undefined;

function rr(service: TwinService): Twin {
  let current = HEAD;
  return {
    pick() {
      const { chosen, current: next } = pickRr(service.list, current);
      current = next;
      return chosen;
    },
    changed(before) {
      const removed = before.findIndex((server) => !service.list.includes(server));
      if (removed >= 0) current = rrAfterRemoval(current, removed);
      const added = service.list.findIndex((server) => !before.includes(server));
      if (added >= 0 && current !== HEAD && added <= current) current += 1;
    },
  };
}

function wrr(service: TwinService): Twin {
  let state: WrrState = wrrStart(service.list);
  return {
    pick() {
      const { chosen, state: next } = pickWrr(service.list, state);
      state = next;
      return chosen;
    },
    changed: () => void (state = wrrMoved(state, service.list)),
  };
}

function mh(service: TwinService): Twin {
  let table = mhTable(service.list, service.mhSize);
  return {
    pick: (ask) => pickMh(table, ask, service.flags),
    changed: () => void (table = mhTable(service.list, service.mhSize)),
  };
}

function lblc(service: TwinService): Twin {
  const memory: LblcMemory = new Map();
  return { pick: (ask) => pickLblc(service.list, costOf(service.activeCost), ask, memory), changed: unchanged };
}

function lblcr(service: TwinService): Twin {
  const memory: LblcrMemory = new Map();
  return {
    pick: (ask) => pickLblcr({ ...service, cost: costOf(service.activeCost) }, ask, memory),
    changed: unchanged,
  };
}

const memoryless =
  (pick: (service: TwinService, ask: TwinAsk) => Choice) =>
  (service: TwinService): Twin => ({ pick: (ask) => pick(service, ask), changed: unchanged });

export const twins: Readonly<Record<SchedulerName, (service: TwinService) => Twin>> = {
  rr,
  wrr,
  mh,
  lblc,
  lblcr,
  lc: memoryless(({ list, activeCost }) => pickLc(list, costOf(activeCost))),
  wlc: memoryless(({ list, activeCost }) => pickWlc(list, costOf(activeCost))),
  sed: memoryless(({ list }) => pickSed(list)),
  nq: memoryless(({ list }) => pickNq(list)),
  fo: memoryless(({ list }) => pickFo(list)),
  ovf: memoryless(({ list }) => pickOvf(list)),
  sh: memoryless(({ list, flags }, ask) => pickSh(list, ask, flags)),
  dh: memoryless(({ list }, ask) => pickDh(list, ask)),
  twos: memoryless(({ list, activeCost, draw }) => pickTwos(list, costOf(activeCost), draw)),
};
