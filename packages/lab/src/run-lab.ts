// Runs the lab: one run after the other, each in a network of its own. Takes everything down again, however it ends.
import { createLabFolder, markKept, removeLeftovers, takeDown } from "./cleanup.ts";
import { throwIfInterrupted } from "./lab-error.ts";
import type { LabOptions } from "./lab-options.ts";
import type { LabReport, MethodReport } from "./lab-report.ts";
import { layoutOf } from "./layouts.ts";
import { assertPermitted } from "./permitted.ts";
import { methodText, summaryText } from "./report-text.ts";
import { runOne } from "./run-one.ts";

/**
 * Runs the lab and reports; `passed` tells whether every expectation was met. Throws LabError when the lab itself
 * could not run (YM_LAB_INTERRUPTED after `signal`); either way nothing is left behind, unless `keep` asks for it.
 */
export async function runLab(options: LabOptions): Promise<LabReport> {
  assertPermitted();
  const tell = options.json ? (): void => undefined : options.write;
  const removed = await removeLeftovers();
  if (removed.length > 0) tell(`Removed what a killed run had left: ${removed.join(", ")}.\n`);
  const name = createLabFolder();
  let kept = false;
  try {
    const methods: MethodReport[] = [];
    for (const choice of options.choices) {
      const { report, howToUse } = await runOne(name, layoutOf(choice, options.clients), options);
      tell(`${methodText(report)}${howToUse}`);
      methods.push(report);
    }
    const report: LabReport = { name, kept: options.keep, methods, passed: methods.every(({ passed }) => passed) };
    throwIfInterrupted(options.signal);
    if (options.keep) {
      markKept(name);
      kept = true;
      tell(`Remove it all with: yardmaster lab --remove ${name}\n`);
    }
    options.write(options.json ? `${JSON.stringify(report, undefined, 2)}\n` : summaryText(report));
    return report;
  } finally {
    if (!kept) await takeDown(name);
  }
}
