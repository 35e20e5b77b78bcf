// The real command from start to end: what it says, what it counts while traffic runs, and that nothing stays
// behind however it is stopped.
import { setTimeout as sleep } from "node:timers/promises";
import type { ConnectionRow, DirectorStatus } from "@yardmaster/director";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";

import { configOf, type Director, DirectorHost, vip } from "./director-host.ts";
import { needsRoot } from "./lab-options.ts";

const server = `require("node:http").createServer((request, response) => {
  response.end(request.socket.remoteAddress);
}).listen(8080, () => console.log("listening"));`;
const client = `
  for (let at = 0; at < 5; at += 1) {
    const response = await fetch("http://${vip}/", { headers: { connection: "close" } });
    console.log(response.status, await response.text());
  }`;

describe.skipIf(needsRoot)("a director from start to end", () => {
  let host: DirectorHost;
  beforeAll(() => {
    host = new DirectorHost();
  });
  afterAll(() => host[Symbol.dispose]());

  describe("however it is stopped", () => {
    afterEach(async () => expect(await host.left()).toEqual([]));

    test.each(["SIGTERM", "SIGINT"] as const)("%s: it detaches, removes its socket and ends well", async (signal) => {
      const director = await host.start(configOf());
      expect(host.attached()).toEqual(["front tc", "back tc"]);
      expect(host.has(director.socketPath)).toBe(true);
      const ended = await director.stop(signal);
      expect(ended).toMatchObject({ status: 0, stdout: "" });
      expect(ended.stderr).toMatch(/^stopped: detached from all interfaces$/m);
      expect(host.has(director.socketPath)).toBe(false);
    });

    test("SIGKILL: the kernel takes the program off, and the next director starts in its place", async () => {
      const killed = await host.start(configOf());
      expect(host.attached()).toEqual(["front tc", "back tc"]);
      expect((await killed.stop("SIGKILL")).status).toBe("SIGKILL");
      expect(await host.left()).toEqual([]);
      expect(host.has(killed.socketPath)).toBe(true);
      const next = await host.start(configOf());
      expect(next.socketPath).toBe(killed.socketPath);
      expect((await next.stop("SIGTERM")).status).toBe(0);
    });

    test("two signals at once end it once", async () => {
      const director = await host.start(configOf());
      const [first, second] = await Promise.all([director.stop("SIGTERM"), director.stop("SIGINT")]);
      expect(first.status).toBe(0);
      expect(second).toEqual(first);
    });

    test.each([0, 150, 300, 450, 600])("a signal %d ms after it was started leaves nothing either", async (delayMs) => {
      const director = host.launch(configOf());
      await sleep(delayMs);
      // Before the command has got as far as to listen for it, the signal ends the process as it ends any other.
      expect([0, "SIGTERM"]).toContain((await director.stop("SIGTERM")).status);
      expect(host.has(director.socketPath)).toBe(false);
    });
  });

  test("no interfaces named: it takes those that are up and have an IPv4 address", async () => {
    for (const name of ["plain", "asleep"]) host.ip("director", `link add ${name} type bridge`);
    host.ip("director", "link set plain up");
    host.ip("director", "address add fd00::1/64 dev plain nodad");
    host.ip("director", "address add 10.9.0.1/24 dev asleep");
    const director = await host.start(configOf(["hook: auto"]));
    expect(host.attached()).toEqual(["front tc", "back tc"]);
    expect((await director.stop("SIGTERM")).status).toBe(0);
  });

  describe("while traffic runs", () => {
    let director: Director;
    const ask = (...args: readonly string[]) => host.yardmaster([...args, "--socket", director.socketPath]);

    beforeAll(async () => {
      const serving = host.spawn("server", [process.execPath, "--eval", server]);
      await new Promise((listening) => serving.stdout?.once("data", listening));
      director = await host.start(configOf());
      const outcome = await host.run("client", [process.execPath, "--input-type=module", "--eval", client]);
      expect(outcome).toEqual({ status: 0, stdout: "200 ::ffff:198.51.100.2\n".repeat(5), stderr: "" });
    });
    afterAll(async () => {
      expect((await director.stop("SIGTERM")).status).toBe(0);
      const { status, stderr } = await ask("status");
      expect(status).toBe(1);
      expect(stderr).toMatch(/^yardmaster: no director answers at .*director\.sock; start one with/);
    });
    test("status --json counts it", async () => {
      const { status, stdout, stderr } = await ask("status", "--json");
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      const said = JSON.parse(stdout) as DirectorStatus;
      expect(said).toMatchObject({ pid: director.pid, configurationFile: expect.stringContaining(host.folder) });
      expect(said.hooks).toMatchObject([
        { interfaceName: "front", mode: "tc" },
        { interfaceName: "back", mode: "tc" },
      ]);
      const [web] = said.services;
      expect(web).toMatchObject({ name: "web", connections: 5, activeConnections: 0, inactiveConnections: 5 });
      expect(web?.servers).toMatchObject([{ address: "10.0.0.11", port: 8080, connections: 5 }]);
      // At least SYN, ACK, request and FIN; SYN-ACK, answer and FIN.
      expect(web?.packetsIn).toBeGreaterThanOrEqual(20);
      expect(web?.packetsOut).toBeGreaterThanOrEqual(15);
      expect(web?.bytesOut).toBeGreaterThan(40 * (web?.packetsOut ?? 0));
    });

    test("status shows it", async () => {
      const { status, stdout } = await ask("status");
      expect(status).toBe(0);
      expect(stdout).toMatch(/^attached to {4}front \(tc, program \d+\), back \(tc, program \d+\)$/m);
      expect(stdout).toMatch(/^web tcp 198\.51\.100\.10:80 rr +nat +0 +5 +5 +\d+ +[\d,]+ +\d+ +[\d,]+$/m);
      expect(stdout).toMatch(/^ {2}-> 10\.0\.0\.11:8080 +nat +1 +0 +5 +5 +\d+/m);
    });

    test("connections lists it, as text and as JSON", async () => {
      const text = await ask("connections");
      expect(text.status).toBe(0);
      expect(
        text.stdout.match(/^tcp +\w+ +\S.*? 198\.51\.100\.2:\d+ +198\.51\.100\.10:80 +10\.0\.0\.11:8080 +web$/gm),
      ).toHaveLength(5);
      const json = await ask("connections", "--json", "--limit", "3");
      const rows = JSON.parse(json.stdout) as readonly ConnectionRow[];
      expect(rows).toHaveLength(3);
      expect(rows[0]).toMatchObject({ protocol: "tcp", virtual: "198.51.100.10:80", destination: "10.0.0.11:8080" });
      expect(rows.every(({ expiresInMs }) => expiresInMs > 0 && expiresInMs <= 120_000)).toBe(true);
    });
  });
});
