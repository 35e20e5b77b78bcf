// Long and short connections mixed, with real clients and servers: the least-connection schedulers hold what they
// promise, `yardmaster status` counts what the servers count, and in the end nothing is counted any more.
import { resolve } from "node:path";

import { type LabReport, runLab } from "@yardmaster/lab";
import { choicesFor } from "@yardmaster/lab/choices";
import { describe, expect, test } from "vitest";

import { labOptions, needsRoot } from "./lab-options.ts";

const unmetOf = ({ methods }: LabReport): readonly string[] =>
  methods.flatMap(({ expectations }) => expectations.filter(({ met }) => !met).map(({ what }) => what));

describe.skipIf(needsRoot)("the lab's mixed scenario", () => {
  test.each(["nat", "dr"] as const)("%s: promises are kept and all counts agree", async (method) => {
    const report = await runLab(labOptions({ choices: choicesFor({ method, family: "ipv4", scenario: "mixed" }) }));
    expect(unmetOf(report)).toEqual([]);
    expect(report.passed).toBe(true);
    const services = report.methods.flatMap(({ mixed }) => mixed?.services ?? []);
    const [lc, ...byWeight] = services.map(({ service, standing }) => ({
      scheduler: service.scheduler,
      active: standing.map((counts) => counts.active),
      open: standing.map((counts) => counts.open),
    }));
    expect(lc).toEqual({ scheduler: "lc", active: [4, 4, 4], open: [4, 4, 4] });
    expect(byWeight).toEqual(
      ["wlc", "sed", "nq"].map((scheduler) => ({ scheduler, active: [1, 3, 8], open: [1, 3, 8] })),
    );
    expect(services.flatMap(({ ended }) => ended)).not.toContainEqual(
      expect.not.objectContaining({ active: 0, inactive: 0, open: 0 }),
    );
  });

  test("a director that does something else is found out, and its counts are still right", async () => {
    const directorCommand = [process.execPath, resolve(import.meta.dirname, "round-robin-director.ts")] as const;
    const report = await runLab(
      labOptions({ choices: choicesFor({ method: "nat", family: "ipv4", scenario: "mixed" }), directorCommand }),
    );
    expect(report.passed).toBe(false);
    // Two short ones and a long one for three servers, in turn: all the long ones are at one server.
    expect(unmetOf(report)).toEqual(
      ["lc", "wlc", "sed", "nq"].flatMap((scheduler) => [
        `mixed-${scheduler}: each long connection goes where ${scheduler} says, whatever the short ones did`,
        expect.stringContaining(`mixed-${scheduler}: ${scheduler} has `),
      ]),
    );
  });
});
