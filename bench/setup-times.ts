// How long it takes to bring the balancer up and to exchange it, over several cold processes.

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** One step, by the wall and of the processor. */
export interface StepTime {
  readonly wallMs: number;
  readonly cpuMs: number;
}

/** Of the balancer with everything compiled in. `compile` runs the TypeScript that builds it, too. */
export interface SetupTimes {
  readonly compile: StepTime;
  readonly compileAgain: StepTime;
  readonly load: StepTime;
  readonly attach: StepTime;
  /** A link update: from one program to another between two packets. */
  readonly swap: StepTime;
}

/** Runs the probe `times` times in the network namespace `name`. */
export function setupTimes(name: string, times: number): SetupTimes[] {
  const probe = fileURLToPath(new URL("setup-probe.ts", import.meta.url));
  return Array.from({ length: times }, () => {
    // nsenter, unlike "ip netns exec", leaves /sys as it is.
    const output = execFileSync("nsenter", [`--net=/run/netns/${name}`, process.execPath, probe], { encoding: "utf8" });
    return JSON.parse(output) as SetupTimes;
  });
}
