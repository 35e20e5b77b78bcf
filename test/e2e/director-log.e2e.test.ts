// The log of a running director as programs get it: JSON lines with cause, journald's priorities, and a log that cannot
// be written.
import type { ChildProcess } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { configOf, DirectorHost } from "./director-host.ts";
import { needsRoot } from "./lab-options.ts";

const command = resolve(import.meta.dirname, "../../packages/cli/bin/yardmaster.js");

describe.skipIf(needsRoot)("the log of a running director", () => {
  let host: DirectorHost;
  let socketPath: string;
  beforeAll(() => {
    host = new DirectorHost();
    socketPath = join(host.folder, "log.sock");
  });
  afterAll(() => host[Symbol.dispose]());

  /** Starts a director through the shell, which puts its standard error into a file. */
  const start = (file: string, script: string, ...more: readonly string[]): ChildProcess => {
    const args = ["run", "-f", file, "--socket", socketPath, "--ephemeral", ...more];
    return host.spawn("director", ["sh", "-c", `${script} "$@"`, "sh", process.execPath, command, ...args]);
  };
  const until = async (isSo: () => boolean | Promise<boolean>): Promise<void> => {
    for (let poll = 0; poll < 1000 && !(await isSo()); poll++) await sleep(20);
    expect(await isSo()).toBe(true);
  };
  const ended = (child: ChildProcess) => new Promise((done) => child.once("close", done));
  const ask = (...words: readonly string[]) => host.yardmaster([...words, "--socket", socketPath]);

  test("is JSON lines with event and cause where that is asked for", async () => {
    const log = join(host.folder, "log.json");
    const file = host.write(configOf());
    const director = start(file, `exec 2>${log}; exec`, "--log", "json");
    const lines = () =>
      readFileSync(log, "utf8")
        .trimEnd()
        .split("\n")
        .map((line) => JSON.parse(line) as Readonly<Record<string, unknown>>);
    const has = (event: string) => lines().some((line) => line["event"] === event);
    await until(() => host.has(log) && readFileSync(log, "utf8").includes('"ready"'));
    expect(await ask("server", "edit", "web", "10.0.0.11", "weight=5")).toMatchObject({ status: 0 });
    writeFileSync(file, "services: [");
    process.kill(director.pid ?? 0, "SIGHUP");
    await until(() => has("configurationRefused"));
    director.kill("SIGTERM");
    await ended(director);
    expect(lines().filter((line) => "event" in line)).toMatchObject([
      { event: "programAttached", level: "notice", interfaceName: "front" },
      { event: "programAttached", level: "notice", interfaceName: "back" },
      { event: "ready", level: "notice", time: expect.stringMatching(/Z$/) },
      {
        ...{ event: "configurationChanged", cause: "PATCH /v1/services/web/servers/10.0.0.11" },
        ...{ program: { program: "kept" }, diff: { services: [{ name: "web" }] } },
      },
      { event: "configurationRefused", level: "error", cause: "SIGHUP" },
      { event: "stopped" },
    ]);
  });

  test("has priorities where journald reads it; why a start fails is in it, too", async () => {
    const log = join(host.folder, "journal");
    const connected = `exec 2>${log}; export JOURNAL_STREAM=$(stat -Lc %d:%i /proc/self/fd/2); exec`;
    const director = start(host.write(configOf()), connected);
    await until(() => host.has(log) && /^<5>ready: /m.test(readFileSync(log, "utf8")));
    director.kill("SIGTERM");
    await ended(director);
    for (const line of readFileSync(log, "utf8").trimEnd().split("\n")) expect(line).toMatch(/^<[3-6]>/);
    await ended(start(host.write("services: 1"), connected));
    expect(readFileSync(log, "utf8")).toMatch(/^<3>.*: error: services must be a map/m);
  });

  test("that cannot be written is no reason to end", async () => {
    const director = start(host.write(configOf()), "exec 2>/dev/full; exec");
    await until(async () => (await ask("status", "--json")).status === 0);
    expect(await ask("server", "edit", "web", "10.0.0.11", "weight=5")).toMatchObject({ status: 0 });
    expect(await ask("status", "--json")).toMatchObject({ status: 0 });
    director.kill("SIGTERM");
    expect(await ended(director)).toBe(0);
  });
});
