// Numbers and settings as people read them, the same in table and chart.
import type { OptionTexts } from "../settings/options.ts";

/** 12.3 as "12.3 ms", 1234 as "1.23 s", 754,000 as "12.6 min". */
export function formatTime(timeMs: number): string {
  const [unitMs, name] = timeMs < 1_000 ? [1, "ms"] : timeMs < 120_000 ? [1_000, "s"] : [60_000, "min"];
  return `${Number((timeMs / unitMs).toPrecision(3))} ${name}`;
}

/** 0.1234 as "12.3 %". */
export function formatShare(share: number): string {
  return `${(share * 100).toFixed(1)} %`;
}

/** A count that may be a mean: no more digits than mean something. */
export function formatLoad(load: number): string {
  if (load >= 100) return String(Math.round(load));
  return load.toFixed(load >= 10 ? 1 : 2);
}

/** What was played, in one line. */
export function describeWorkload(settings: OptionTexts): string {
  const { capture, to, rate, arrivals, connections, clients, destinations, duration } = settings;
  const played =
    capture === undefined
      ? [`${rate} ${arrivals} for ${duration}`, `each ${connections}`, `${clients} clients`]
      : [`capture ${capture}`, ...(to === undefined ? [] : [`to ${to}`])];
  const many = destinations === undefined || destinations === "1" ? [] : [`${destinations} destinations`];
  const cache = settings.cache === undefined ? [] : [`caches of ${settings.cache}`];
  const { compatibility, schedulerOptions } = settings;
  const said = compatibility === "ipvs" ? ["compatibility ipvs"] : [];
  if (schedulerOptions !== undefined) said.push(schedulerOptions);
  return [
    ...played,
    ...many,
    ...cache,
    ...said,
    `${settings.protocol}, ${settings.forwarding}`,
    `seed ${settings.seed}`,
  ].join("; ");
}
