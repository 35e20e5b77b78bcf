// A short soak: a director under load is reloaded, killed and exchanged, a server dies; no request fails that need not,
// and nothing is left behind.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { listLabs, runSoak, type SoakOptions } from "@yardmaster/lab";
import { afterAll, describe, expect, test } from "vitest";

import { needsRoot } from "./lab-options.ts";

const pins = "/sys/fs/bpf/yardmaster";
const folder = mkdtempSync(join(tmpdir(), "yardmaster-soak-"));
const soakOf = (changes: Partial<SoakOptions>): SoakOptions => ({
  until: { reloads: 12, kills: 2, swaps: 2 },
  ...{ seed: 11, rate: 80, outageEveryMs: 2_000, json: false, write: () => undefined, note: () => undefined },
  ...changes,
});
const pinned = (): readonly string[] =>
  existsSync(pins) ? readdirSync(pins).filter((name) => name.includes("@")) : [];

describe.skipIf(needsRoot)("a soak", () => {
  afterAll(async () => {
    rmSync(folder, { recursive: true, force: true });
    expect((await listLabs()).filter((name) => name.startsWith(`ymlab-${process.pid}-`))).toEqual([]);
  });

  test("no request fails while the director is reloaded, killed and exchanged, and a server dies", async () => {
    const before = pinned();
    let written = "";
    const report = await runSoak(soakOf({ logFolder: folder, json: true, write: (text) => (written += text) }));
    expect(report).toMatchObject({ unexpected: [], anomalies: [], passed: true, interrupted: false });
    const times = Object.fromEntries(report.disturbances.map((each) => [each.kind, each.times]));
    expect(times).toMatchObject({ reload: 12, kill: 2, swap: 2 });
    expect(times["outage"]).toBeGreaterThan(0);
    expect(report.services.map(({ service }) => service)).toHaveLength(8);
    for (const { service, answered } of report.services)
      expect({ service, isAsked: answered > 50 }).toMatchObject({ isAsked: true });
    expect(JSON.parse(written)).toEqual(JSON.parse(JSON.stringify(report)));
    expect(readFileSync(join(folder, "director.log"), "utf8")).toMatch(/taken over from version/);
    expect(pinned().filter((name) => !before.includes(name))).toEqual([]);
  });

  test("interrupted it reports what there was, and leaves nothing", async () => {
    const before = pinned();
    const interrupted = new AbortController();
    // The first note says that it has begun.
    const note = (): unknown => setTimeout(() => interrupted.abort(), 3_000);
    const report = await runSoak(
      soakOf({ until: { minutes: 60 }, outageEveryMs: 1e9, signal: interrupted.signal, note }),
    );
    expect(report).toMatchObject({ unexpected: [], anomalies: [], interrupted: true, passed: true });
    expect(pinned().filter((name) => !before.includes(name))).toEqual([]);
  });
});
