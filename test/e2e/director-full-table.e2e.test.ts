// A connection table that is full, with real TCP: connections go on, new ones are refused by a reason that is named and
// counted, everybody is told; and when there is room again they are accepted as ever. And a state directory without
// room: what runs goes on running and can be changed, and it is said that it will not be known after a restart.
import { type ChildProcess, execFileSync } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DirectorStatus } from "@yardmaster/director";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { type Director, DirectorHost, serverAddress, vip } from "./director-host.ts";
import { needsRoot } from "./lab-options.ts";
import { firstLine } from "./load.ts";

const ROOM = 64;
const patience = { timeout: 30_000, interval: 100 };
const configuration = `director:
  interfaces: [front, back]
  connections: { maximum: ${ROOM} }
  timeouts: { tcpFin: 1s, timeWait: 1s, close: 1s, closeWait: 1s, lastAck: 1s }
services:
  web:
    address: ${vip}
    port: 80
    forwarding: nat
    scheduler: rr
    servers: [{ address: ${serverAddress}, port: 8080 }]
`;
/** Answers each line with the same. */
const echo = `require("node:net").createServer((socket) => {
  socket.on("error", () => undefined).pipe(socket);
}).listen(8080, () => console.log("listening"));`;
/**
 * Does what it reads, a command a line, and says what came of it: "open N" connections one by one, "ask" all of them,
 * "end N" of them.
 */
const client = `
  const net = require("node:net");
  const open = [];
  const connect = () => new Promise((done) => {
    const socket = net.connect(80, "${vip}");
    const timer = setTimeout(() => { socket.destroy(); done(false); }, 700);
    socket.on("error", () => { clearTimeout(timer); done(false); });
    socket.once("connect", () => { clearTimeout(timer); open.push(socket); done(true); });
  });
  const ask = (socket) => new Promise((done) => {
    const timer = setTimeout(() => done(false), 5000);
    socket.once("data", () => { clearTimeout(timer); done(true); });
    socket.write("ask\\n");
  });
  const commands = {
    async open(count) {
      let opened = 0;
      for (let at = 0; at < count; at++) opened += await connect() ? 1 : 0;
      return opened;
    },
    async ask() {
      const answers = await Promise.all(open.map(ask));
      return answers.filter((answer) => answer).length;
    },
    async end(count) {
      for (const socket of open.splice(0, count)) socket.end();
      return open.length;
    },
  };
  const lines = require("node:readline").createInterface({ input: process.stdin });
  (async () => {
    for await (const line of lines) {
      const [name, count] = line.split(" ");
      console.log(await commands[name](Number(count)));
    }
  })();
  console.log("ready");`;

describe.skipIf(needsRoot)("without room", () => {
  let host: DirectorHost;
  const started: Director[] = [];
  beforeAll(async () => {
    host = new DirectorHost();
    await firstLine(host.spawn("server", [process.execPath, "-e", echo]));
  });
  afterEach(async () => {
    for (const director of started.splice(0)) await director.stop("SIGTERM");
  });
  afterAll(() => host[Symbol.dispose]());

  const order = async (child: ChildProcess, command: string): Promise<number> => {
    const answer = new Promise<string>((done) => child.stdout?.once("data", (text) => done(String(text))));
    child.stdin?.write(`${command}\n`);
    return Number(await answer);
  };

  test("in the connection table: connections go on, others are refused and told of, until there is room", async () => {
    const director = await host.start(configuration);
    started.push(director);
    const connected = host.spawn("client", [process.execPath, "-e", client], { input: true });
    await firstLine(connected);
    const status = async () => {
      const { stdout } = await host.yardmaster(["status", "--json", "--socket", director.socketPath]);
      return JSON.parse(stdout) as DirectorStatus;
    };
    const refused = async () => (await status()).verdicts.find(({ reason }) => reason === "tableFull")?.packets ?? 0;

    expect(await order(connected, `open ${ROOM}`)).toBe(ROOM);
    expect((await status()).connectionTable).toMatchObject({ entries: ROOM, maximum: ROOM });
    expect((await status()).hints).toMatchObject([{ severity: "warning", code: "YM_STATUS_TABLE_FULL" }]);
    expect(await refused()).toBe(0);

    expect(await order(connected, "open 5")).toBe(0);
    expect(await refused()).toBeGreaterThanOrEqual(5);
    expect(await order(connected, "ask")).toBe(ROOM);
    await expect.poll(() => director.said(), patience).toContain("the connection table is full, 64 of 64 entries: ");
    expect((await status()).hints).toMatchObject([{ severity: "error", code: "YM_STATUS_TABLE_FULL" }]);
    const metrics = ["curl", "-s", "--unix-socket", director.socketPath, "http://y/metrics"];
    const { stdout: exposition } = await host.run("director", metrics);
    expect(exposition).toMatch(/^yardmaster_connection_table_entries 64$/m);
    expect(exposition).toMatch(/^yardmaster_not_forwarded_packets_total\{.*reason="tableFull"\} [1-9]/m);
    const { stdout: shown } = await host.yardmaster(["status", "--socket", director.socketPath]);
    expect(shown).toMatch(/^error: web -> 10\.0\.0\.11:8080: the connection table is full/m);

    expect(await order(connected, "end 40")).toBe(ROOM - 40);
    await expect.poll(async () => (await status()).connectionTable.entries, patience).toBe(ROOM - 40);
    await expect
      .poll(() => director.said(), patience)
      .toContain("the connection table takes connections again: 24 of 64 entries");
    expect(await order(connected, "open 40")).toBe(40);
    expect(await order(connected, "ask")).toBe(ROOM);
    expect(director.said().match(/the connection table/g)).toHaveLength(2);
  }, 120_000);

  test("in the state directory: the director runs and takes changes, and says what will not be kept", async () => {
    const state = join(host.folder, "state");
    mkdirSync(state);
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=32k", "tmpfs", state]);
    try {
      writeFileSync(join(state, "filled"), Buffer.alloc(16 << 10));
      expect(() => writeFileSync(join(state, "filled too"), Buffer.alloc(64 << 10))).toThrow(/ENOSPC/);
      let director = await host.startInstance(configuration);
      expect(director.said()).toMatch(/ENOSPC/);
      const ask = (...words: readonly string[]) => host.yardmaster([...words, "--socket", director.socketPath]);
      expect(await ask("server", "edit", "web", serverAddress, "weight=5")).toMatchObject({ status: 0 });
      const weights = async () => {
        const { services } = JSON.parse((await ask("status", "--json")).stdout) as DirectorStatus;
        return services.flatMap(({ servers }) => servers.map(({ weight }) => weight));
      };
      expect(await weights()).toEqual([5]);
      await director.stop("SIGKILL");
      director = await host.startInstance(configuration);
      started.push(director);
      expect(director.said()).toMatch(/taken over from version/);
      expect(await weights()).toEqual([1]);
    } finally {
      execFileSync("umount", [state]);
      for (const director of started.splice(0)) await director.stop("SIGTERM");
      await host.instance(["down"]);
    }
  }, 120_000);
});
