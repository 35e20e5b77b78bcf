// What the end-to-end tests share: the options of a quiet lab, and whether it can run here at all.
import type { LabOptions } from "@yardmaster/lab";
import { choicesFor } from "@yardmaster/lab/choices";

/** The reason to skip: a lab is made of network namespaces. False where it can run. */
export const needsRoot: boolean = process.platform !== "linux" || process.getuid?.() !== 0;

/** A lab of a few hundred requests that prints nothing. */
export function labOptions(changes: Partial<LabOptions>): LabOptions {
  const quiet = { keep: false, clients: 20, requests: 300, json: false, write: () => undefined };
  return { choices: choicesFor({ method: "nat", family: "ipv4", scenario: "shares" }), ...quiet, ...changes };
}
