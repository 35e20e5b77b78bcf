// Failed requests of a soak, counted by what they were and why they failed.
import type { FailedRequest } from "./load.ts";

/** `{ "short open ECONNREFUSED": 3 }`. */
export function causesOf(failed: readonly FailedRequest[]): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const { kind, step, cause } of failed) {
    const name = `${kind} ${step} ${cause}`;
    counts[name] = (counts[name] ?? 0) + 1;
  }
  return counts;
}
