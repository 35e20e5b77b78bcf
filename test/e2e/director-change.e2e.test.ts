// A running director changed while requests run: reloads, weights, drains, changes that nobody confirms. No request
// fails, and a connection that was there from the beginning goes on to the end.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { createClient, type DirectorStatus } from "@yardmaster/director";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Director, DirectorHost, type Ended, vip } from "./director-host.ts";
import { needsRoot } from "./lab-options.ts";
import { echoServer, firstLine, whileAsking } from "./load.ts";

const RELOADS = 30;
/** Two addresses of one machine; the second may go. */
const both = ["10.0.0.11", "10.0.0.12"] as const;
const config = (servers: readonly string[], settings = "scheduler: wrr") => `director: { interfaces: [front, back] }
services:
  web:
    address: ${vip}
    port: 80
    forwarding: nat
    ${settings}
    servers:
${servers.map((server) => `      - ${server}`).join("\n")}
`;
const server = (address: string, weight = 1) => `{ address: ${address}, port: 8080, weight: ${weight} }`;
const usual = config(both.map((address) => server(address)));

describe.skipIf(needsRoot)("a running director", () => {
  let host: DirectorHost;
  const started: Director[] = [];
  beforeAll(async () => {
    host = new DirectorHost();
    host.ip("server", `address add ${both[1]}/24 dev eth0`);
    await firstLine(host.spawn("server", [process.execPath, "-e", echoServer]));
  });
  afterEach(async () => {
    for (const director of started.splice(0)) await director.stop("SIGKILL");
    await host.instance(["down"]);
    expect(await host.left()).toEqual([]);
  });
  afterAll(() => host[Symbol.dispose]());

  const begin = async (file: string, more: readonly string[] = []): Promise<Director> => {
    const director = await host.startFile(file, more);
    started.push(director);
    return director;
  };
  const ask = (director: Director, ...words: readonly string[]): Promise<Ended> =>
    host.yardmaster([...words, "--socket", director.socketPath]);
  const serversOf = async (director: Director) => {
    const { stdout } = await ask(director, "status", "--json");
    const [web] = (JSON.parse(stdout) as DirectorStatus).services;
    return web?.servers.map(({ address, weight }) => `${address}*${weight}`);
  };
  const until = async (director: Director, words: RegExp): Promise<void> => {
    for (let poll = 0; poll < 1000 && !words.test(director.said()); poll++) await sleep(10);
    expect(director.said()).toMatch(words);
  };
  const countOf = (director: Director, words: RegExp) => [...director.said().matchAll(words)].length;

  test(`${RELOADS} reloads under load: no request fails`, async () => {
    const file = host.write(usual);
    const director = await begin(file);
    const asked = await whileAsking(host, async () => {
      for (let at = 1; at <= RELOADS; at++) {
        writeFileSync(file, config([server(both[0], 1 + (at % 7)), ...(at % 3 === 0 ? [] : [server(both[1], at)])]));
        process.kill(director.pid, "SIGHUP");
        for (let poll = 0; poll < 1000 && countOf(director, /SIGHUP: .*; program/g) < at; poll++) await sleep(10);
      }
    });
    expect(countOf(director, /SIGHUP: .*; program/g)).toBe(RELOADS);
    expect(asked).toMatchObject({ failed: [], keptConnections: 1 });
    expect(asked.answered).toBeGreaterThan(RELOADS);
  });

  test("a file that is wrong changes nothing, and the log says why", async () => {
    const file = host.write(usual);
    const director = await begin(file, ["--watch"]);
    for (const wrong of ["services: [", usual.replace("port: 80", "port: 800000"), "", "x".repeat(9_000_000)]) {
      const before = countOf(director, /refused, nothing has changed/g);
      writeFileSync(file, wrong);
      process.kill(director.pid, "SIGHUP");
      for (let poll = 0; poll < 1000 && countOf(director, /refused, nothing/g) === before; poll++) await sleep(10);
      expect(countOf(director, /refused, nothing/g)).toBeGreaterThan(before);
      expect(await serversOf(director)).toEqual(["10.0.0.11*1", "10.0.0.12*1"]);
    }
    writeFileSync(file, config([server(both[0], 3), server(both[1])]));
    await until(director, /configuration: .* changed: 1 service changed/);
    expect(await serversOf(director)).toEqual(["10.0.0.11*3", "10.0.0.12*1"]);
  });

  test("a server that is removed keeps its connection, and new ones go elsewhere", async () => {
    const file = host.write(config([server(both[0])]));
    const director = await begin(file);
    const asked = await whileAsking(host, async () => {
      await sleep(300);
      const added = await ask(director, "server", "add", "web", "10.0.0.12:8080", "weight=4");
      expect(added).toMatchObject({
        status: 0,
        stdout: expect.stringMatching(/\+ server 10\.0\.0\.12:8080, weight 4/),
      });
      const removed = await ask(director, "server", "remove", "web", both[0]);
      expect(removed.stdout).toMatch(/- server 10\.0\.0\.11:8080: [1-9]\d* connections? drained/);
      const { stdout: before } = await ask(director, "status", "--json");
      await sleep(500);
      const { stdout: after } = await ask(director, "status", "--json");
      const scheduled = (text: string) =>
        (JSON.parse(text) as DirectorStatus).services[0]?.servers.map(({ connections }) => connections) ?? [];
      expect(scheduled(after)[1]).toBe(scheduled(before)[1]);
      expect(scheduled(after)[0]).toBeGreaterThan(scheduled(before)[0] ?? 0);
    });
    expect(asked).toMatchObject({ failed: [], keptConnections: 1 });
    expect((await ask(director, "save")).stdout).toMatch(/- address: 10\.0\.0\.12\n +port: 8080\n +weight: 4/);
  });

  test("a change that nobody confirms is taken back, also when the director was killed meanwhile", async () => {
    const file = host.write(usual);
    let director = await begin(file);
    const heavy = host.write(config([server(both[0], 9), server(both[1])]));
    const applied = await ask(director, "apply", "-f", heavy, "--confirm", "2s");
    expect(applied).toMatchObject({ status: 0, stderr: expect.stringMatching(/applied for 2 s/) });
    expect(director.said()).toMatch(/weight 1 → 9\); program kept.* to be confirmed within 2 s/);
    await until(director, /not confirmed in time: taken back/);
    expect(await serversOf(director)).toEqual(["10.0.0.11*1", "10.0.0.12*1"]);

    expect((await ask(director, "apply", "-f", heavy, "--confirm", "60s")).status).toBe(0);
    const meanwhile = await ask(director, "server", "edit", "web", both[1], "weight=5");
    expect(meanwhile).toMatchObject({ status: 1, stderr: expect.stringMatching(/waits to be confirmed, \d+ s more/) });
    expect((await ask(director, "status")).stdout).toMatch(/^not confirmed +taken back in \d+s/m);
    expect(await ask(director, "rollback")).toMatchObject({ status: 0, stdout: expect.stringMatching(/9 → 1/) });
    expect(await serversOf(director)).toEqual(["10.0.0.11*1", "10.0.0.12*1"]);

    expect((await ask(director, "apply", "-f", heavy, "--confirm", "1s")).status).toBe(0);
    await director.stop("SIGKILL");
    await sleep(1000);
    director = await begin(file);
    expect(director.said()).toMatch(/not confirmed in time: taken back/);
    expect(await serversOf(director)).toEqual(["10.0.0.11*1", "10.0.0.12*1"]);

    expect((await ask(director, "apply", "-f", heavy, "--confirm", "60s")).status).toBe(0);
    expect((await ask(director, "confirm")).status).toBe(0);
    await director.stop("SIGKILL");
    director = await begin(file);
    expect(director.said()).toMatch(/going on with what was changed/);
    expect(await serversOf(director)).toEqual(["10.0.0.11*9", "10.0.0.12*1"]);
  });

  test("a change that was answered outlives kill -9 at that moment", async () => {
    const file = host.write(usual);
    for (const weight of [3, 4, 5, 6]) {
      const director = await begin(file);
      await createClient(director.socketPath).change("PATCH", `/v1/services/web/servers/${both[0]}`, { weight });
      await director.stop("SIGKILL");
      const next = await begin(file);
      expect(await serversOf(next)).toEqual([`10.0.0.11*${weight}`, "10.0.0.12*1"]);
      await next.stop("SIGKILL");
    }
  });

  test("plan says what would change; apply and save go round; exit statuses tell", async () => {
    const director = await begin(host.write(usual));
    const next = host.write(config([server(both[1], 3)], "scheduler: mh"));
    const planned = await ask(director, "plan", "-f", next);
    expect(planned.stdout).toMatch(/scheduler wrr → mh[^]*server 10\.0\.0\.11:8080: it has no connections/);
    expect(planned.stdout).toMatch(/program: exchanged, because of schedulers mh; connections go on/);
    expect(await serversOf(director)).toEqual(["10.0.0.11*1", "10.0.0.12*1"]);
    const json = JSON.parse((await ask(director, "apply", "-f", next, "--json")).stdout) as object;
    expect(json).toMatchObject({ program: { program: "exchanged" }, diff: { services: [{ name: "web" }] } });
    const saved = join(host.folder, "saved.yaml");
    expect((await ask(director, "save", "-f", saved)).status).toBe(0);
    expect(readFileSync(saved, "utf8")).toBe(readFileSync(next, "utf8"));
    const wrong = host.write(usual.replace("port: 80", "port: 0"));
    const refused = await ask(director, "apply", "-f", wrong);
    expect(refused).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/\.yaml:5:\d+: error: port 0 is outside/),
    });
    expect((await ask(director, "confirm")).status).toBe(1);
    expect((await ask(director, "server", "edit", "web", "10.0.0.99", "weight=1")).status).toBe(1);
    expect((await ask(director, "server", "edit", "web", both[1], "weight")).status).toBe(2);
    rmSync(saved);
  });

  test("a state directory that cannot be written, and one that is damaged, are survived and reported", async () => {
    const file = host.write(usual);
    const state = join(host.folder, "state");
    rmSync(state, { recursive: true, force: true });
    writeFileSync(state, "a file is here");
    let director = await begin(file);
    expect(director.said()).toMatch(/writing .*state\.json: .*a restart will know nothing/);
    expect((await ask(director, "server", "edit", "web", both[0], "weight=6")).status).toBe(0);
    rmSync(state);
    expect((await ask(director, "server", "edit", "web", both[0], "weight=7")).status).toBe(0);
    await until(director, /writing .*state\.json: works again/);
    const [, path = ""] = /writing (\S*state\.json): works/.exec(director.said()) ?? [];
    await director.stop("SIGKILL");
    writeFileSync(path, readFileSync(path, "utf8").slice(0, 100));
    director = await begin(file);
    expect(director.said()).toMatch(/is damaged or of another version: set aside/);
    expect(await serversOf(director)).toEqual(["10.0.0.11*1", "10.0.0.12*1"]);
  });
});
