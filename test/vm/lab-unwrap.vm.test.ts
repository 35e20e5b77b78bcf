// The real director before real servers whose tunnels the kernel's own devices take apart: the lab's path of a packet,
// judged hop by hop. Runs in the guest: stock Linux has the modules that the machine outside may lack.
import { runLab } from "@yardmaster/lab";
import { choicesFor } from "@yardmaster/lab/choices";
import { beforeAll, expect, test } from "vitest";
import { labOptions } from "../e2e/lab-options.ts";
import { loadModules } from "./load-modules.ts";

beforeAll(() => loadModules(["ipip"]));

// The other devices are seen in realserver.vm; each costs an emulated processor minutes here.
test("IP in IP is taken apart by the kernel's device", async () => {
  const choices = choicesFor({ method: "tun", hook: "xdp", scenario: "path", family: "ipv4", encapsulation: "ipip" });
  const report = await runLab(labOptions({ choices, unwrap: "kernel", clients: 2, requests: 1 }));
  expect(report.methods.flatMap(({ expectations }) => expectations.filter(({ met }) => !met))).toEqual([]);
  expect(report.passed).toBe(true);
});
