// However a lab ends, it leaves nothing: interrupted at any stage, killed, or with a director that does not start.
import type { ChildProcess } from "node:child_process";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { type LabError, listLabs, removeLab, runLab } from "@yardmaster/lab";
import { afterEach, describe, expect, test } from "vitest";

import { hostsOf, isAlive, processesIn } from "./lab-machine.ts";
import { labOptions, needsRoot } from "./lab-options.ts";

/** Three servers, the director, and the traffic program. */
const allProcesses = 5;
const waitTimeoutMs = 60_000;
/** A director that says it is ready and then does nothing: what is tested here is the lab. */
const idleDirector = [process.execPath, resolve(import.meta.dirname, "idle-director.ts")] as const;
const endless = labOptions({ requests: 1_000_000, directorCommand: idleDirector });
const children: ChildProcess[] = [];

async function until<T>(find: () => Promise<T | undefined>): Promise<T> {
  for (const deadline = Date.now() + waitTimeoutMs; Date.now() < deadline; await sleep(20)) {
    const found = await find();
    if (found !== undefined) return found;
  }
  throw new Error("waiting in vain");
}

const labOf = async (pid: number): Promise<string | undefined> =>
  (await listLabs()).find((name) => name.startsWith(`ymlab-${pid}-`));

/** Runs a lab in a process of its own. */
function startLabProcess(keep: "keep" | "remove"): ChildProcess {
  const options = JSON.stringify({
    ...endless,
    requests: keep === "keep" ? 2 : endless.requests,
    keep: keep === "keep",
  });
  const code = `
    import { runLab } from "@yardmaster/lab";
    const interrupted = new AbortController();
    process.on("SIGINT", () => interrupted.abort());
    await runLab({ ...${options}, write() {}, signal: interrupted.signal });
  `;
  const command = ["--input-type=module", "--eval", code];
  const child = spawn(process.execPath, command, { cwd: import.meta.dirname, stdio: "ignore" });
  children.push(child);
  return child;
}

describe.skipIf(needsRoot)("a lab that does not end well", () => {
  afterEach(async () => {
    for (const child of children.splice(0)) {
      child.kill("SIGKILL");
      const name = await labOf(child.pid ?? 0);
      if (name !== undefined) await removeLab(name);
    }
  });

  test.each([1, 4, 7])("interrupted when %d of its hosts stand: nothing is left", async (hosts) => {
    const interrupted = new AbortController();
    const outcome = runLab({ ...endless, signal: interrupted.signal }).catch((error: LabError) => error.code);
    const name = await until(() => labOf(process.pid));
    await until(async () => ((await hostsOf(name)).length >= hosts ? true : undefined));
    interrupted.abort();
    expect(await outcome).toBe("YM_LAB_INTERRUPTED");
    expect(await listLabs()).not.toContain(name);
    expect(await hostsOf(name)).toEqual([]);
  });

  test("Ctrl-C in the middle of the traffic: all its processes end, nothing is left", async () => {
    const child = startLabProcess("remove");
    const name = await until(() => labOf(child.pid ?? 0));
    const pids = await until(async () => {
      const found = await processesIn(name);
      return found.length === allProcesses ? found : undefined;
    });
    child.kill("SIGINT");
    await once(child, "exit");
    expect(await listLabs()).not.toContain(name);
    expect(await hostsOf(name)).toEqual([]);
    expect(pids.filter(isAlive)).toEqual([]);
  });

  test("killed: the next run removes what it left", async () => {
    const child = startLabProcess("remove");
    const name = await until(() => labOf(child.pid ?? 0));
    await until(async () => ((await processesIn(name)).length === allProcesses ? true : undefined));
    child.kill("SIGKILL");
    await once(child, "exit");
    expect(await listLabs()).toContain(name);
    await runLab(labOptions({ requests: 2, directorCommand: idleDirector }));
    expect(await listLabs()).not.toContain(name);
    expect(await hostsOf(name)).toEqual([]);
  });

  test("kept: it stands after its process, through other runs, until it is removed by name", async () => {
    const child = startLabProcess("keep");
    const name = await until(() => labOf(child.pid ?? 0));
    await once(child, "exit");
    await runLab(labOptions({ requests: 2, directorCommand: idleDirector }));
    expect(await hostsOf(name)).toHaveLength(7);
    // The traffic program is gone; the others go on.
    const pids = await processesIn(name);
    expect(pids).toHaveLength(allProcesses - 1);
    await removeLab(name);
    expect(await hostsOf(name)).toEqual([]);
    expect(pids.filter(isAlive)).toEqual([]);
    await expect(removeLab(name)).rejects.toMatchObject({ code: "YM_LAB_UNKNOWN" });
  });

  test("a director that does not start: its words are in the error, nothing is left", async () => {
    const directorCommand = [
      process.execPath,
      "--eval",
      "console.error('no such luck'); process.exit(1)",
      "--",
    ] as const;
    const outcome = runLab({ ...endless, directorCommand });
    await expect(outcome).rejects.toMatchObject({
      code: "YM_LAB_PROGRAM_FAILED",
      message: expect.stringMatching(/"director-nat" in the lab: it ended \(exit status 1\); .*no such luck/s),
    });
    expect(await labOf(process.pid)).toBeUndefined();
  });
});
