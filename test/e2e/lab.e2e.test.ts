// The main job on real input: real HTTP clients reach real HTTP servers through the real director, one forwarding
// method a test. What must hold is judged by the lab itself; here it must all hold, and nothing may stay behind.
import { type LabMethod, type LabOptions, labMethods, listLabs, runLab } from "@yardmaster/lab";
import { choicesFor } from "@yardmaster/lab/choices";
import { afterAll, describe, expect, test } from "vitest";

import { labOptions, needsRoot } from "./lab-options.ts";

const sharesOf = (method: LabMethod): LabOptions["choices"] =>
  choicesFor({ method, family: "ipv4", scenario: "shares" });

describe.skipIf(needsRoot)("the lab", () => {
  afterAll(async () => {
    expect((await listLabs()).filter((name) => name.startsWith(`ymlab-${process.pid}-`))).toEqual([]);
  });

  test.each(labMethods)("%s: every request is answered, shared and sent the right way", async (method) => {
    const report = await runLab(labOptions({ choices: sharesOf(method) }));
    const [outcome] = report.methods;
    expect(outcome?.expectations.filter(({ met }) => !met)).toEqual([]);
    expect(outcome?.services.map(({ traffic }) => traffic.answered)).toEqual([300, 300, 300, 300, 300]);
    expect(report.passed).toBe(true);
  });

  test("two labs at once do not disturb each other", async () => {
    const reports = await Promise.all([
      runLab(labOptions({ choices: sharesOf("nat") })),
      runLab(labOptions({ choices: sharesOf("dr") })),
    ]);
    expect(reports.flatMap(({ methods }) => methods).flatMap(({ expectations }) => expectations)).not.toContainEqual(
      expect.objectContaining({ met: false }),
    );
    expect(new Set(reports.map(({ name }) => name)).size).toBe(2);
  });

  test("its report can be read by machines", async () => {
    let written = "";
    const report = await runLab(
      labOptions({ choices: sharesOf("dr"), requests: 30, json: true, write: (text) => (written += text) }),
    );
    expect(JSON.parse(written)).toEqual(JSON.parse(JSON.stringify(report)));
  });
});
