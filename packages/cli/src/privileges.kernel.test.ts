// `run` and `check` by a process without rights: one sentence that names what is missing. Needs root, to drop it.
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";

const command = resolve(import.meta.dirname, "../bin/yardmaster.js");
// One's own network is private, so that the routes of the machine don't matter: it has none at all.
const withoutRights = ["--net", "setpriv", "--bounding-set=-all", "--inh-caps=-all", process.execPath, command];
const missing = /this process lacks CAP_BPF, CAP_PERFMON, CAP_NET_ADMIN: run it as root/;
const isRoot = process.getuid?.() === 0;
let folder = "";
let file = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "yardmaster-rights-"));
  file = join(folder, "y.yaml");
  writeFileSync(file, "services:\n  web: { address: 198.51.100.10, port: 80, forwarding: nat, servers: [] }\n");
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(...args: readonly string[]): Promise<{ status: number; stdout: string; stderr: string }> {
  return new Promise((done) => {
    execFile("unshare", [...withoutRights, ...args], (error, stdout, stderr) => {
      done({ status: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}

it.skipIf(!isRoot)("run ends with status 1 and names the missing rights (skipped without root)", async () => {
  const { status, stdout, stderr } = await run("run", "-f", file);
  expect({ status, stdout }).toEqual({ status: 1, stdout: "" });
  expect(stderr).toMatch(missing);
  expect(stderr).not.toMatch(/^\s+at /m);
});

it.skipIf(!isRoot)("check says that the file is good and what running it needs (skipped without root)", async () => {
  const { status, stdout, stderr } = await run("check", "-f", file);
  expect({ status, stdout }).toEqual({ status: 0, stdout: `${file}: good: 1 service, 0 servers\n` });
  expect(stderr).toMatch(missing);
});
