// A director in front of containers on a bridge of its own machine, at tc, with the offloads that containers have: real
// requests, and programs from Debian that send in bulk. Clients' addresses stay.
import { runLab } from "@yardmaster/lab";
import { choicesFor } from "@yardmaster/lab/choices";
import { beforeAll, describe, expect, test } from "vitest";

import { ensureCommands } from "../../scripts/system-packages.ts";
import { labOptions, needsRoot } from "./lab-options.ts";

const containers = choicesFor({ scenario: "containers", family: "all" });
const shares = containers.filter(({ scenario }) => scenario === "shares");
const choices = [...shares, ...shares.map((choice) => ({ ...choice, scenario: "tools" as const }))];

describe.skipIf(needsRoot)("a director in front of containers", () => {
  beforeAll(() => {
    expect(ensureCommands(["curl", "dnsmasq", "iperf3", "nginx"])).toBeUndefined();
  });

  test.each(choices)("over $family, scenario $scenario", async (choice) => {
    const report = await runLab(labOptions({ choices: [choice] }));
    const [outcome] = report.methods;
    expect(outcome?.expectations.filter(({ met }) => !met)).toEqual([]);
    expect(outcome?.status.hooks.map(({ interfaceName, mode }) => `${interfaceName} ${mode}`)).toEqual([
      "eth0 tc",
      "br0 tc",
    ]);
  });
});
