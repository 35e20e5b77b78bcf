// What each example prints, wherever it runs.

import { spawnSync } from "node:child_process";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";

const FOLDER = resolve(import.meta.dirname, "../../examples");

const OUTPUT: Readonly<Record<string, string>> = {
  "count-protocols.ts": "protocol 6: 3 packets, 180 bytes\nprotocol 17: 1 packets, 60 bytes\n",
  "drop-by-source.ts": `from 192.0.2.1: pass
from 203.0.113.9: drop
from 203.0.113.9: drop
ping from 203.0.113.9: pass
of 20 bytes: drop
dropped, too short for its headers: 1
dropped, source is blocked: 2
`,
  "nat.ts": `to port 80: tx to 10.0.0.11:8080, checksum right
to port 443: pass to 198.51.100.10:443, checksum right
`,
  "weighted-choice.ts": `weight 5: chosen 486 times of 1000
weight 3: chosen 303 times of 1000
weight 2: chosen 211 times of 1000
`,
};

/** Registers one test for each example; nothing may be said on standard error. */
export function describeExamples(args: readonly string[]): void {
  test.each(Object.entries(OUTPUT))("%s", (file, expected) => {
    const { stdout, stderr } = spawnSync(process.execPath, [join(FOLDER, file), ...args], { encoding: "utf8" });
    expect({ stdout, stderr }).toEqual({ stdout: expected, stderr: "" });
  });
}
