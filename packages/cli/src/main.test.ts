// The command as a process: exit statuses, and what is written where.
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type SnapshotSource, startApiServer } from "@yardmaster/director";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Outcome, runCommand, runCommandWith } from "../test/run-command.ts";

let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "yardmaster-cli-"));
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function run(...args: readonly string[]): Promise<Outcome> {
  return runCommand(folder, ...args);
}

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return name;
}

const goodFile = `services:
  web:
    address: 198.51.100.10
    port: 80
    forwarding: nat
    servers: [{ address: 10.0.0.11 }, { address: 10.0.0.12, port: 8080 }]
`;

const status = {
  version: "0.1.0",
  pid: 4242,
  startedAtMs: 0,
  configurationFile: "y.yaml",
  hooks: [],
  services: [],
  verdicts: [],
  hints: [],
  connectionTable: { entries: 0, maximum: 10 },
};
const source: SnapshotSource = { status: () => status, connections: () => [], checks: () => [] };

describe("wrong usage ends with status 2 and says what is right", () => {
  it.each([
    ["an unknown command", ["frob"], "unknown command 'frob'"],
    ["an unknown option", ["status", "--frob"], "unknown option '--frob'"],
    ["run without a file", ["run"], "required option '-f, --file <file>' not specified"],
    ["check without a file", ["check"], "check needs a configuration file: -f FILE"],
    ["a limit that is none", ["connections", "--limit", "0"], "It must be a whole number, 1–1000000."],
    ["a method that is none", ["lab", "--method", "masq"], "Allowed choices are nat, dr,"],
    ["too many clients", ["lab", "--clients", "201"], "It must be a whole number, 1–200."],
    ["a file that is not there", ["check", "-f", "nothing.yaml"], "reading nothing.yaml: there is no such file"],
    ["a directory", ["check", "-f", "."], "reading .: it is a directory"],
    ["no command", [], "Usage: yardmaster"],
  ])("%s", async (_, args, text) => {
    const outcome = await run(...args);
    expect(outcome).toMatchObject({ status: 2, stdout: "" });
    expect(outcome.stderr).toContain(text);
    expect(outcome.stderr).not.toMatch(/^\s+at /m);
  });
});

describe("check", () => {
  it("says that a good file is good", async () => {
    const outcome = await run("check", "--offline", "-f", write("good.yaml", goodFile));
    expect(outcome).toEqual({ status: 0, stdout: "good.yaml: good: 1 service, 2 servers\n", stderr: "" });
  });

  it("prints all faults and ends with status 2", async () => {
    const text = goodFile.replace("port: 80", "port: 70000").replace("nat", "natt");
    expect(await run("check", "--offline", "-f", write("bad.yaml", text))).toMatchInlineSnapshot(`
      {
        "status": 2,
        "stderr": "bad.yaml:4:11: error: port 70000 is outside 1–65535
          4 |     port: 70000
            |           ^
            = ports: a number (1–65535), a list such as [80, 443], a range such as 8000-8999, or any
      bad.yaml:5:17: error: unknown forwarding "natt"
          5 |     forwarding: natt
            |                 ^
            = did you mean "nat"? forwarding methods: nat, dr, tun or fullnat
      ",
        "stdout": "",
      }
    `);
  });

  it("prints faults as JSON", async () => {
    const text = goodFile.replace("port: 80", "port: 70000");
    const outcome = await run("check", "--offline", "--json", "-f", write("bad.yaml", text));
    expect(outcome).toMatchObject({ status: 2, stderr: "" });
    expect(JSON.parse(outcome.stdout)).toMatchInlineSnapshot(`
      {
        "faults": [
          {
            "code": "YM_CONFIG_RANGE",
            "column": 11,
            "file": "bad.yaml",
            "hint": "ports: a number (1–65535), a list such as [80, 443], a range such as 8000-8999, or any",
            "line": 4,
            "message": "port 70000 is outside 1–65535",
            "quote": {
              "caret": 10,
              "text": "    port: 70000",
            },
            "severity": "error",
          },
        ],
        "ok": false,
      }
    `);
  });

  it("prints the JSON Schema", async () => {
    const outcome = await run("check", "--schema");
    expect(outcome.status).toBe(0);
    expect(JSON.parse(outcome.stdout)).toMatchObject({ type: "object", required: ["services"] });
  });

  it("refuses what is not text", async () => {
    writeFileSync(join(folder, "binary.yaml"), Uint8Array.of(0xff, 0xfe, 0x00));
    const outcome = await run("check", "--offline", "-f", "binary.yaml");
    expect(outcome).toMatchObject({ status: 2, stderr: "yardmaster: reading binary.yaml: it is not UTF-8 text\n" });
  });
});

describe("run", () => {
  it("touches nothing when the file has faults", async () => {
    const outcome = await run("run", "-f", write("bad.yaml", "services: 1\n"));
    expect(outcome).toMatchObject({ status: 2, stdout: "" });
    expect(outcome.stderr).toContain("bad.yaml:1:11: error: services must be a map, not 1");
  });
});

describe("status and connections", () => {
  it("say where no director answers, with status 1", async () => {
    const outcome = await run("status", "--socket", "nobody.sock");
    expect({ ...outcome, stderr: outcome.stderr.split("; ") }).toMatchInlineSnapshot(`
      {
        "status": 1,
        "stderr": [
          "yardmaster: no director answers at nobody.sock",
          "start one with \`yardmaster run -f FILE\`, or name its socket with --socket
      ",
        ],
        "stdout": "",
      }
    `);
  });

  it("print what the director says", async () => {
    await using server = await startApiServer({ socketPath: join(folder, "director.sock"), source });
    const socket = ["--socket", server.socketPath];
    const shown = await run("status", ...socket);
    expect(shown).toMatchObject({ status: 0, stderr: "" });
    expect(shown.stdout).toMatch(/^yardmaster 0\.1\.0, pid 4242, up /);
    expect(JSON.parse((await run("status", "--json", ...socket)).stdout)).toEqual(status);
    expect(JSON.parse((await run("connections", "--json", ...socket)).stdout)).toEqual([]);
  });
});

it("tells its version and its commands", async () => {
  expect(await run("--version")).toEqual({ status: 0, stdout: "0.1.0\n", stderr: "" });
  expect((await run("--help")).stdout).toMatch(/run .*check .*status .*connections .*lab .*simulate /s);
});

describe("import", () => {
  it("writes a configuration that check takes, and says what is not in it", async () => {
    const rules = write("rules", "-A -t 198.51.100.10:80 -s rr\n-a -t 198.51.100.10:80 -r 10.0.0.11 -m\n-Z\n");
    const imported = await run("import", "ipvsadm", rules, "-o", "imported.yaml");
    expect(imported).toMatchObject({ status: 0, stdout: "" });
    expect(imported.stderr).toContain("rules:3: -Z: it changes nothing that is kept\n");
    expect(await run("check", "--offline", "-f", "imported.yaml")).toMatchObject({ status: 0 });
    const again = await run("import", "ipvsadm", rules, "-o", "imported.yaml");
    expect(again).toMatchObject({ status: 1, stderr: "yardmaster: writing imported.yaml: it is there already\n" });
  });

  it("refuses a keepalived.conf that is cut off", async () => {
    const outcome = await run("import", "keepalived", write("cut.conf", "virtual_server 198.51.100.10 80 {\n"));
    expect(outcome).toMatchObject({ status: 1, stdout: "" });
    expect(outcome.stderr).toContain('cut.conf:1: the block "virtual_server 198.51.100.10 80" is not closed');
  });
});

describe("ipvsadm", () => {
  it("has its own grammar, also where ours would have its words", async () => {
    expect(await run("ipvsadm", "--version")).toMatchObject({ status: 0, stdout: expect.stringContaining("v1.31") });
    expect(await run("ipvsadm", "-A")).toMatchObject({
      status: 2,
      stderr: "You need to supply the 'service-address' option for the 'add-service' command\n",
    });
  });

  it("lists what the director has, and fails where none is", async () => {
    const socketPath = join(folder, "ipvsadm.sock");
    const list = () => runCommandWith({ YARDMASTER_SOCKET: socketPath }, folder, ["ipvsadm", "-Ln"]);
    expect(await list()).toMatchObject({ status: 1, stdout: "" });
    await using _ = await startApiServer({ socketPath, source });
    expect((await list()).stdout).toMatch(/^IP Virtual Server version 1\.2\.1 \(size=10\)\nProt /);
  });
});
