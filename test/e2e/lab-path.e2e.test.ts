// The path of one packet, from real captures: every method, family and hook. The lab judges each hop; here all must
// hold, and the capture file must say the same as the report.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { runLab } from "@yardmaster/lab";
import { choicesFor } from "@yardmaster/lab/choices";
import { checksumProblems, parseCapture } from "@yardmaster/packet";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { labOptions, needsRoot } from "./lab-options.ts";

const choices = choicesFor({ family: "all", hook: "all", scenario: "path" });

describe.skipIf(needsRoot)("the path of one packet", () => {
  let captureFolder: string;
  beforeAll(() => {
    captureFolder = mkdtempSync(join(tmpdir(), "yardmaster-lab-test-"));
  });
  afterAll(() => rmSync(captureFolder, { recursive: true }));

  test.each(choices)("$method over $family, $hook", async (choice) => {
    const report = await runLab(labOptions({ choices: [choice], captureFolder, requests: 1, clients: 2 }));
    const [outcome] = report.methods;
    expect(outcome?.expectations.filter(({ met }) => !met)).toEqual([]);
    const trace = outcome?.trace;
    const capture = parseCapture(readFileSync(trace?.captureFile ?? ""));
    const comments = capture.packets.flatMap(({ comment }) => comment ?? []);
    for (const [way, hops] of [
      ["request", trace?.request ?? []],
      ["reply", trace?.reply ?? []],
    ] as const) {
      hops.forEach(({ from, to }, index) => {
        expect(comments).toContainEqual(expect.stringContaining(`${way}, hop ${index + 1}: ${from} → ${to}`));
      });
    }
    expect(capture.interfaces.every(({ name, description }) => name !== undefined && description !== undefined)).toBe(
      true,
    );
    // At tc offloads are on: checksums are for interfaces to complete. The lab has judged those that it followed.
    const packets = choice.hook === "tc" ? [] : capture.packets;
    expect(packets.flatMap(({ bytes }) => checksumProblems(bytes))).toEqual([]);
  });
});
