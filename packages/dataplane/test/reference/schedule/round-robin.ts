// rr and wrr. Where they stand is an index into the list, HEAD before the first.

import { type Choice, type TwinServer, usable } from "./server.ts";

export const HEAD = -1;

/** rr: whom to take, and where it stands then. */
export function pickRr(list: readonly TwinServer[], current: number): { chosen: Choice; current: number } {
  const order = [...list.slice(current + 1), ...list.slice(0, current + 1)];
  const chosen = order.find(usable);
  return { chosen, current: chosen === undefined ? current : list.indexOf(chosen) };
}

/** Where rr stands when the entry at `removed` has left the list. */
export function rrAfterRemoval(current: number, removed: number): number {
  return removed <= current ? current - 1 : current;
}

export interface WrrState {
  readonly current: number;
  readonly cw: number;
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

/** wrr's numbers of a list. */
export function wrrNumbers(list: readonly TwinServer[]): { di: number; mw: number } {
  const positive = list.map(({ weight }) => weight).filter((weight) => weight > 0);
  const di = positive.length === 0 ? 1 : positive.reduce(gcd);
  return { di, mw: Math.max(0, ...positive) - (di - 1) };
}

/** wrr of a service that is written whole. */
export function wrrStart(list: readonly TwinServer[]): WrrState {
  return { current: HEAD, cw: wrrNumbers(list).mw };
}

/** wrr after any event. */
export function wrrMoved({ cw }: WrrState, list: readonly TwinServer[]): WrrState {
  const { di, mw } = wrrNumbers(list);
  if (cw > mw || cw === 0) return { current: HEAD, cw: mw };
  return { current: HEAD, cw: di > 1 ? Math.floor(cw / di) * di + 1 : cw };
}

/** wrr: whom to take, and the state then. IPVS's loop, level by level. */
export function pickWrr(list: readonly TwinServer[], state: WrrState): { chosen: Choice; state: WrrState } {
  const { di, mw } = wrrNumbers(list);
  if (mw === 0) return { chosen: undefined, state };
  const start = state.current;
  let { cw } = state;
  let lastPass = false;
  let restarted = false;
  let stop: number | undefined;
  let from = start + 1;
  for (;;) {
    for (let index = from; index < list.length; index++) {
      const d = list[index] as TwinServer;
      if (!d.isOverloaded && d.weight >= cw) return { chosen: d, state: { current: index, cw } };
      if (index === stop) return { chosen: undefined, state: { current: index, cw } };
    }
    from = 0;
    cw -= di;
    if (cw <= 0) {
      cw = mw;
      if (lastPass || start === HEAD) return { chosen: undefined, state: { current: HEAD, cw } };
      restarted = true;
    }
    lastPass = cw <= di;
    if (lastPass && restarted && start !== HEAD) stop = start;
  }
}
