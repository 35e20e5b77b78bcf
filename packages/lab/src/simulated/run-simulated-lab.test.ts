// The whole simulated lab, as somebody without root sees it; and that it finds what is wrong.
import { expect, test } from "vitest";

import { nameOf } from "../choice-text.ts";
import { choicesFor } from "../choices.ts";
import { layoutOf } from "../layouts.ts";
import { reasonToSimulate } from "./reason.ts";
import { runSimulatedLab, simulate } from "./run-simulated-lab.ts";

const choices = choicesFor({});
const options = { reason: "Not root", choices, keep: false, clients: 20, requests: 120 };

test("all methods pass in all scenarios, and the first line says what they are", async () => {
  let text = "";
  const report = await runSimulatedLab({ ...options, json: false, write: (more) => (text += more) });
  const unmet = report.methods.flatMap(({ expectations }) => expectations.filter(({ met }) => !met));
  expect({ unmet, passed: report.passed }).toEqual({ unmet: [], passed: true });
  expect(text.split("\n")[0]).toBe(
    "Not root: this is the same bytecode in the interpreter, over a simulated network of the same topology.",
  );
  expect(text).toMatch(/^ {2}web tcp\/80 +wrr +120 +120 +0 +40 +\d+ \(6\.7\) +\d+ \(13\.3\) +\d+ \(20\)$/m);
  expect(text).not.toMatch(/\bp50\b| ms\b/);
  expect(text.endsWith("The simulated lab passed.\n")).toBe(true);
  expect(text).toMatch(
    /^ {2}mixed-wlc tcp\/91 +server1 +1 +1 +1 +1 +as promised\n +server2 +3 +3 +3 +3 +as promised$/m,
  );
  expect(report.methods.map(nameOf)).toEqual([...choices.map(nameOf)]);
  const [nat, dr] = ["nat-ipv4-shares", "dr-ipv4-shares"].map((name) =>
    report.methods.find((each) => nameOf(each) === name),
  );
  expect(text).toContain("3. director → server");
  expect(nat?.frames.repliesThroughDirector).toBe(nat?.frames.replies);
  expect(dr?.frames.repliesThroughDirector).toBe(0);
});

test("as JSON it is one document, which says that it is simulated", async () => {
  let text = "";
  const report = await runSimulatedLab({ ...options, requests: 12, json: true, write: (more) => (text += more) });
  const document = JSON.parse(text) as { readonly simulated: boolean; readonly note: string };
  expect(document).toEqual(JSON.parse(JSON.stringify(report)));
  expect(document.simulated).toBe(true);
  expect(document.note).toContain("simulated network");
});

test("servers whose replies go past the director are found out", async () => {
  const layout = layoutOf({ method: "nat" }, 20);
  const hosts = layout.hosts.map((host) => (host.name === "server2" ? { ...host, routes: [] } : host));
  const { passed, expectations, services } = await simulate({ ...layout, hosts }, { requests: 30 });
  expect(passed).toBe(false);
  expect(services[0]?.traffic.failures["timeout"]).toBeGreaterThan(0);
  expect(expectations).toContainEqual(expect.objectContaining({ what: "web: every request is answered", met: false }));
});

test("a server that long connections cannot reach is found out", async () => {
  const layout = layoutOf({ method: "nat", scenario: "mixed" }, 20);
  const hosts = layout.hosts.map((host) => (host.name === "server2" ? { ...host, routes: [] } : host));
  const { passed, mixed } = await simulate({ ...layout, hosts }, { requests: 30 });
  expect(passed).toBe(false);
  expect(mixed?.services.map(({ traffic }) => traffic.failures)).toContainEqual({ timeout: 1 });
});

test("a lab that is to be kept, and one that is interrupted, say so", async () => {
  const quiet = { ...options, json: true, write: () => undefined };
  await expect(runSimulatedLab({ ...quiet, keep: true })).rejects.toMatchObject({ code: "YM_LAB_OPTIONS" });
  const signal = AbortSignal.abort();
  await expect(runSimulatedLab({ ...quiet, signal })).rejects.toMatchObject({ code: "YM_LAB_INTERRUPTED" });
});

test.each([
  [{ isAsked: false, platform: "linux", userId: 0 }, undefined],
  [{ isAsked: true, platform: "linux", userId: 0 }, "As asked (--simulate)"],
  [{ isAsked: false, platform: "linux", userId: 1000 }, "Not root"],
  [{ isAsked: false, platform: "darwin", userId: 0 }, "Not Linux (darwin)"],
  [{ isAsked: false, platform: "win32", userId: undefined }, "Not Linux (win32)"],
])("%j → %s", (surroundings, reason) => {
  expect(reasonToSimulate(surroundings)).toBe(reason);
});
