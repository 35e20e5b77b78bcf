// The real director before real servers whose tunnels the kernel's own devices take apart: the lab's path of a packet,
// judged hop by hop. Runs in the guest: stock Linux has the modules that the machine outside may lack.
import { runLab } from "@yardmaster/lab";
import { choicesFor } from "@yardmaster/lab/choices";
import { beforeAll, expect, test } from "vitest";
import { labOptions } from "../e2e/lab-options.ts";
import { loadModules } from "./load-modules.ts";

const ways = [
  { encapsulation: "ipip", family: "ipv4" },
  { encapsulation: "ipip", family: "ipv6" },
  { encapsulation: "gre", family: "ipv4" },
] as const;

beforeAll(() => loadModules(["ipip", "sit", "ip_gre", "ip6_tunnel", "ip6_gre"]));

test.each(ways)("$encapsulation over $family is taken apart by the kernel's device", async (way) => {
  const choices = choicesFor({ method: "tun", hook: "xdp", scenario: "path", ...way });
  const report = await runLab(labOptions({ choices, unwrap: "kernel", clients: 2, requests: 1 }));
  expect(report.methods.flatMap(({ expectations }) => expectations.filter(({ met }) => !met))).toEqual([]);
  expect(report.passed).toBe(true);
});
