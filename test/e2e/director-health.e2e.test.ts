// Health checks of a running director: servers that fail or die get no new connections, the others notice nothing,
// connections that are there go on, and who works again comes back.
import type { ChildProcess } from "node:child_process";
import { request } from "node:http";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { CheckList } from "@yardmaster/director";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type Director, DirectorHost, vip } from "./director-host.ts";
import { needsRoot } from "./lab-options.ts";

const servers = { a: "10.0.0.11", b: "10.0.0.12", sorry: "10.0.0.13" } as const;
type Name = keyof typeof servers;

/** Answers with its name; /health with 503 while a file is there. */
const serverProgram = (name: Name, sickFile: string) => `
  const { existsSync } = require("node:fs");
  require("node:http").createServer({ keepAliveTimeout: 60000 }, (request, response) => {
    if (request.url === "/health" && existsSync("${sickFile}")) response.statusCode = 503;
    response.end("${name}");
  }).listen(8080, "${servers[name]}", () => console.log("listening"));`;
/** Who answers so many connections, one after the other; a failed one says why. */
const clientProgram = (count: number) => `
  const { request } = require("node:http");
  const once = () => new Promise((done) => {
    const asked = request({ host: "${vip}", agent: false, timeout: 3000 }, (response) => {
      let text = "";
      response.on("data", (part) => (text += part));
      response.on("end", () => done(text));
    });
    asked.on("timeout", () => asked.destroy(new Error("timed out")));
    asked.on("error", (error) => done(error.message));
    asked.end();
  });
  (async () => { for (let at = 0; at < ${count}; at += 1) console.log(await once()); })();`;
/** Requests on one connection, for as long as it lives. */
const keeperProgram = `
  const { Agent, request } = require("node:http");
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const again = () => {
    const asked = request({ host: "${vip}", agent }, (response) => {
      let text = "";
      response.on("data", (part) => (text += part));
      response.on("end", () => { console.log(text, asked.reusedSocket); setTimeout(again, 50); });
    });
    asked.on("error", (error) => console.log(error.message));
    asked.end();
  };
  again();`;
const configurationOf = (onDown: "drain" | "cut") => `director:
  interfaces: [front, back]
  onRemoval: reset
services:
  web:
    address: ${vip}
    port: 80
    forwarding: nat
    scheduler: rr
    check: { http: { path: /health }, interval: 300ms, timeout: 2s, rise: 2, fall: 3 }
    onDown: ${onDown}
    sorryServer: { address: ${servers.sorry}, port: 8080 }
    servers: [{ address: ${servers.a}, port: 8080 }, { address: ${servers.b}, port: 8080 }]
`;

describe.skipIf(needsRoot)("a director that checks its servers", () => {
  let host: DirectorHost;
  let director: Director;
  const running = new Map<Name, ChildProcess>();
  const sickFile = (name: Name) => join(host.folder, `sick-${name}`);

  async function serve(name: Name): Promise<void> {
    const child = host.spawn("server", [process.execPath, "-e", serverProgram(name, sickFile(name))]);
    running.set(name, child);
    await new Promise((resolve) => child.stdout?.once("data", resolve));
  }
  async function askers(count = 8): Promise<Readonly<Record<string, number>>> {
    const { stdout } = await host.run("client", [process.execPath, "-e", clientProgram(count)]);
    const answers: Record<string, number> = {};
    for (const name of stdout.trim().split("\n")) answers[name] = (answers[name] ?? 0) + 1;
    return answers;
  }
  /** Two clients that keep their connections, one to each server; what each was answered. */
  async function keepers(): Promise<{ readonly said: readonly string[]; readonly end: () => void }> {
    const children = [0, 1].map(() => host.spawn("client", [process.execPath, "-e", keeperProgram]));
    const said = ["", ""];
    for (const [at, child] of children.entries()) {
      child.stdout?.on("data", (text: Buffer) => (said[at] = `${said[at] ?? ""}${text.toString()}`));
    }
    await expect.poll(() => said.map((text) => text.slice(0, 1)).toSorted(), { timeout: 20_000 }).toEqual(["a", "b"]);
    const end = () => {
      for (const child of children) child.kill("SIGKILL");
    };
    return { said, end };
  }
  const count = (line: string) =>
    director
      .said()
      .split("\n")
      .filter((each) => each.startsWith(line)).length;
  const untilSaid = (line: string, times = 1) =>
    expect.poll(() => count(line), { timeout: 30_000, interval: 50 }).toBeGreaterThanOrEqual(times);

  beforeAll(async () => {
    host = new DirectorHost();
    for (const name of ["b", "sorry"] as const) host.ip("server", `address add ${servers[name]}/24 dev eth0`);
    for (const name of ["a", "b", "sorry"] as const) await serve(name);
    director = await host.start(configurationOf("drain"));
  }, 60_000);
  afterAll(async () => {
    await director.stop("SIGTERM");
    host[Symbol.dispose]();
  });

  test("all are up: connections go to each, none to the sorry server", async () => {
    expect(await askers()).toEqual({ a: 4, b: 4 });
  });

  test("one that fails its check gets no new connections, keeps those it has, and comes back", async () => {
    const { said, end } = await keepers();
    writeFileSync(sickFile("a"), "");
    await untilSaid(`web: server ${servers.a}:8080 is down: http GET /health: HTTP 503 Service Unavailable`);
    expect(await askers()).toEqual({ b: 8 });
    const lengths = said.map(({ length }) => length);
    await expect.poll(() => said.every(({ length }, at) => length > (lengths[at] ?? 0) + 20)).toBe(true);
    for (const text of said) {
      const [, ...later] = text.trim().split("\n");
      // The same server on the same connection, all the time.
      expect(new Set(later.map((line) => line.trim())).size).toBe(1);
      expect(later[0]).toMatch(/^[ab] true$/);
    }
    end();
    rmSync(sickFile("a"));
    await untilSaid(`web: server ${servers.a}:8080 is up again: http GET /health: HTTP 200 OK`);
    expect(await askers()).toEqual({ a: 4, b: 4 });
  }, 90_000);

  test("one that is killed gets none either, and with nobody left the sorry server answers", async () => {
    running.get("b")?.kill("SIGKILL");
    await untilSaid(`web: server ${servers.b}:8080 is down: http GET /health: connect ECONNREFUSED`);
    expect(await askers()).toEqual({ a: 8 });
    running.get("a")?.kill("SIGKILL");
    await untilSaid("web: too few servers are up (quorum 1), the sorry server answers");
    expect(await askers()).toEqual({ sorry: 8 });
    await serve("b");
    await untilSaid("web: enough servers are up (quorum 1), the sorry server rests");
    expect(await askers()).toEqual({ b: 8 });
    await serve("a");
    await untilSaid(`web: server ${servers.a}:8080 is up again`, 2);
    expect(await askers()).toEqual({ a: 4, b: 4 });
  }, 90_000);

  test("its socket tells the last exchanges", async () => {
    const text = await new Promise<string>((resolve, reject) => {
      request({ socketPath: director.socketPath, path: "/v1/checks" }, (response) => {
        let body = "";
        response.on("data", (part: Buffer) => (body += part.toString()));
        response.on("end", () => resolve(body));
      })
        .on("error", reject)
        .end();
    });
    const { checks } = JSON.parse(text) as CheckList;
    expect(checks.map(({ address, isUp }) => ({ address, isUp }))).toEqual([
      { address: servers.a, isUp: true },
      { address: servers.b, isUp: true },
    ]);
    for (const { exchanges } of checks) {
      expect(exchanges.length).toBeLessThanOrEqual(20);
      expect(exchanges.at(-1)).toMatchObject({ outcome: "good", reason: "HTTP 200 OK" });
    }
    const shown = await host.yardmaster(["checks", servers.a, "--socket", director.socketPath]);
    expect(shown).toMatchObject({ status: 0, stderr: "" });
    expect(shown.stdout).toMatch(/^10\.0\.0\.11:8080 {2}http GET \/health {2}UP\n(.*\n){2}.* good .* HTTP 200 OK$/m);
  });

  test("onDown: cut ends the connections of a server that fails, and no other", async () => {
    await director.stop("SIGTERM");
    director = await host.start(configurationOf("cut"));
    const { said, end } = await keepers();
    const [ofA, ofB] = said[0]?.startsWith("a") ? ([0, 1] as const) : ([1, 0] as const);
    writeFileSync(sickFile("a"), "");
    await expect.poll(() => said[ofA], { timeout: 30_000 }).toContain("ECONNRESET");
    const { length } = said[ofB] ?? "";
    await expect.poll(() => said[ofB]?.length).toBeGreaterThan(length + 20);
    end();
    expect(new Set(said[ofB]?.trim().split("\n").slice(1))).toEqual(new Set(["b true"]));
    expect(await askers()).toEqual({ b: 8 });
    rmSync(sickFile("a"));
    await untilSaid(`web: server ${servers.a}:8080 is up again`);
    expect(await askers()).toEqual({ a: 4, b: 4 });
  }, 90_000);
});
