// Programs that people know, from their distribution, through the real director: curl asks nginx, a resolver asks
// dnsmasq over UDP, iperf3 sends in bulk both ways. The lab judges it; here all must hold, for every method and family.
import { runLab } from "@yardmaster/lab";
import { choicesFor } from "@yardmaster/lab/choices";
import { beforeAll, describe, expect, test } from "vitest";

import { ensureCommands } from "../../scripts/system-packages.ts";
import { labOptions, needsRoot } from "./lab-options.ts";

describe.skipIf(needsRoot)("programs from Debian", () => {
  beforeAll(() => {
    expect(ensureCommands(["curl", "dnsmasq", "iperf3", "nginx"])).toBeUndefined();
  });

  test.each(choicesFor({ family: "all", scenario: "tools" }))("$method over $family", async (choice) => {
    const report = await runLab(labOptions({ choices: [choice] }));
    const [outcome] = report.methods;
    expect(outcome?.expectations.filter(({ met }) => !met)).toEqual([]);
    expect(outcome?.tools?.web.answered).toBe(30);
    expect(report.passed).toBe(true);
  });
});
