// For tests of every package: fails a test that leaves a descriptor or a mapping open.
// Use: `afterEach(assertNothingOpen)`.

import { openResources } from "./fd.ts";

/** Throws when any descriptor or mapping is still open, naming each and where it was opened. */
export function assertNothingOpen(): void {
  const left = openResources();
  if (left.length === 0) return;
  const list = left.map(({ kind, what, openedAt }) => `- ${kind}: ${what}, opened\n${openedAt}`).join("\n");
  throw new Error(`checking for leaks: ${left.length} left open, close them:\n${list}`);
}
