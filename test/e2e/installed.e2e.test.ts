// The installed package: its command says what it should, and its director forwards.
import { type ChildProcess, execFileSync, spawnSync } from "node:child_process";
import { existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { configOf, DirectorHost, vip } from "./director-host.ts";
import { type Installation, installPackage } from "./installed.ts";
import { needsRoot } from "./lab-options.ts";
import { restrict } from "./restricted.ts";

const server = `require("node:http").createServer((request, response) => {
  response.end(request.socket.remoteAddress);
}).listen(8080, () => console.log("listening"));`;
/** Compiles the balancer for a file as the director does; prints where each of its instructions comes from. */
const printPlaces = `
  const { readFileSync } = require("node:fs");
  const [folder, ending, file] = process.argv.slice(1);
  const load = (path) => import(folder + "/packages/" + path + ending);
  (async () => {
    const [{ parseConfiguration }, { plan }, { balancer, balancerMaps }, { compile }] = await Promise.all(
      ["director/src/index", "director/src/plan/plan", "dataplane/src/index", "ebpf/src/index"].map(load));
    const { configuration } = parseConfiguration(readFileSync(file, "utf8"), file);
    const { shape } = plan(configuration, [Uint8Array.of(2, 0, 0, 0, 0, 1)]);
    const places = compile(balancer(balancerMaps(shape), shape)).instructions.map(({ source }) => source);
    console.log(JSON.stringify(places).replaceAll(folder, ""));
  })();`;

/** What systemd does at the other end of NOTIFY_SOCKET: hears one message, from any user. */
const manager = `
import os, socket, sys
s = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
s.bind(sys.argv[1])
os.chmod(sys.argv[1], 0o777)
os.write(1, b"listening")
os.write(1, s.recv(4096))
`;

/** What a process has said when a pattern is in it. */
function saidUntil(child: ChildProcess, pattern: RegExp): Promise<string> {
  return new Promise((done, failed) => {
    let said = "";
    child.stderr?.on("data", (text) => {
      said += text;
      if (pattern.test(said)) done(said);
    });
    child.once("close", () => failed(new Error(`it ended: ${said}`)));
  });
}

describe.skipIf(needsRoot)("the installed package", () => {
  let installed: Installation;
  beforeAll(() => {
    installed = installPackage();
  });
  afterAll(() => installed[Symbol.dispose]());

  const yardmaster = (...args: readonly string[]) => {
    const [node, command] = installed.command;
    const { status, stdout, stderr } = spawnSync(node, [command, ...args], { encoding: "utf8" });
    return { status, stdout, stderr };
  };

  test("knows its version, the faults of a file, and that it is old enough", () => {
    expect(yardmaster("--version")).toEqual({ status: 0, stdout: "0.1.0\n", stderr: "" });
    const file = join(installed.folder, "bad.yaml");
    writeFileSync(file, configOf().replace("port: 80\n", "port: 70000\n"));
    const checked = yardmaster("check", "--offline", "-f", file);
    expect(checked.status).toBe(2);
    expect(checked.stderr).toContain("bad.yaml:6:11: error: port 70000 is outside 1–65535");
    expect(execFileSync(installed.command[0], ["--version"], { encoding: "utf8" })).toMatch(/^v22\./);
  });

  test("has what its README leads to, and no tests", () => {
    const folder = join(installed.folder, "prefix/lib/node_modules/yardmaster");
    const links = [...readFileSync(join(folder, "README.md"), "utf8").matchAll(/\]\(([^)#:]+)\)/g)].map(
      ([, to = ""]) => to,
    );
    expect(links.length).toBeGreaterThan(10);
    expect(links.filter((to) => !existsSync(join(folder, to)))).toEqual([]);
    const left = globSync("packages/**/*", { cwd: folder }).filter((name) => /\.test\.|fixture|testing/.test(name));
    expect(left).toEqual([]);
  });

  test("says where in the .ts each instruction comes from", () => {
    const file = join(installed.folder, "good.yaml");
    writeFileSync(file, configOf());
    const placesOf = (node: string, folder: string, ending: ".js" | ".ts"): readonly unknown[] => {
      const args = ["-e", printPlaces, folder, ending, file];
      return JSON.parse(execFileSync(node, args, { encoding: "utf8", maxBuffer: 64 << 20 })) as readonly unknown[];
    };
    const places = placesOf(installed.command[0], join(installed.folder, "prefix/lib/node_modules/yardmaster"), ".js");
    expect(places.length).toBeGreaterThan(1_000);
    expect(places).toEqual(placesOf(process.execPath, resolve(import.meta.dirname, "../.."), ".ts"));
  });

  test("forwards", async () => {
    using host = new DirectorHost();
    const web = host.spawn("server", [process.execPath, "-e", server]);
    await new Promise((listening) => web.stdout?.once("data", listening));
    const director = await host.start(configOf(), "installed.sock", installed.command);
    expect(await host.run("client", ["curl", "-sS", "--max-time", "10", `http://${vip}/`])).toEqual({
      status: 0,
      stdout: "::ffff:198.51.100.2",
      stderr: "",
    });
    expect(await director.stop("SIGTERM")).toMatchObject({ status: 0 });
  });

  test("forwards as its unit runs it, without root, and goes on when it is killed and started again", async () => {
    using host = new DirectorHost();
    const web = host.spawn("server", [process.execPath, "-e", server]);
    await new Promise((listening) => web.stdout?.once("data", listening));
    const { folder, asService } = await restrict(host);
    const run = [
      ...installed.command,
      "run",
      "-f",
      host.write(configOf()),
      "--socket",
      join(folder, "director.sock"),
      "--state-directory",
      folder,
    ];
    const answer = async () => (await host.run("client", ["curl", "-sS", "--max-time", "10", `http://${vip}/`])).stdout;
    const notify = join(folder, "notify.sock");
    const systemd = host.spawn("director", ["python3", "-c", manager, notify]);
    await new Promise((listening) => systemd.stdout?.once("data", listening));
    const first = asService(["env", `NOTIFY_SOCKET=${notify}`, ...run]);
    const heard = new Promise((done) => systemd.stdout?.once("data", (text) => done(String(text))));
    expect(await saidUntil(first, /^ready: .*$/m)).toContain("attached");
    expect(await heard).toMatch(/^READY=1\nSTATUS=answering on .*director\.sock$/);
    expect(await answer()).toBe("::ffff:198.51.100.2");
    first.kill("SIGKILL");
    expect(await answer()).toBe("::ffff:198.51.100.2");
    expect(await saidUntil(asService(run), /^ready: .*$/m)).toMatch(/^taken over from version .* carried over$/m);
    expect(await answer()).toBe("::ffff:198.51.100.2");
  });
});
