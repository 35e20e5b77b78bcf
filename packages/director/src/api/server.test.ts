// The API over a real Unix socket: answers, problems, and who may have the socket.
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { request } from "node:http";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DirectorError } from "../errors.ts";
import { keep } from "../../test/change/kept.ts";
import { createClient } from "./client.ts";
import { createRoutes } from "./routes.ts";
import { startApiServer } from "./server.ts";
import type { SnapshotSource } from "./snapshot-source.ts";
import { resolveSocketPath } from "./socket-path.ts";
import type { ConnectionRow, DirectorStatus } from "./types.ts";

const status: DirectorStatus = {
  version: "0.1.0",
  pid: 4242,
  startedAtMs: 1_700_000_000_000,
  configurationFile: "y.yaml",
  hooks: [{ interfaceName: "eth0", mode: "native", programId: 17 }],
  services: [],
  verdicts: [{ verdict: "pass", reason: "no service", packets: 3 }],
  hints: [],
  connectionTable: { entries: 2, maximum: 1_048_576 },
};

const row: ConnectionRow = {
  kind: "connection",
  protocol: "tcp",
  state: "ESTABLISHED",
  expiresInMs: 900_000,
  client: "203.0.113.7:4242",
  virtual: "198.51.100.10:80",
  destination: "10.0.0.11:80",
  service: "web",
};

const source: SnapshotSource = {
  status: () => status,
  connections: (limit) => [row, row, row].slice(0, limit),
  checks: () => [],
};

let folder = "";
let socketPath = "";

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "yardmaster-api-"));
  socketPath = join(folder, "made", "director.sock");
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** The code and texts of the error that something ends with. */
async function errorOf(promise: Promise<unknown>): Promise<string> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (!(error instanceof DirectorError)) throw new Error(`expected a DirectorError, got ${String(error)}`);
  return `${error.code}: ${error.message} | ${error.hint}`.replaceAll(folder, "FOLDER");
}

function ask(path: string, method = "GET"): Promise<{ status: number; type: string; body: unknown }> {
  return new Promise((resolve, reject) => {
    const asking = request({ socketPath, path, method, agent: false }, (response) => {
      let text = "";
      response.on("data", (chunk) => (text += chunk));
      response.on("end", () => {
        const type = response.headers["content-type"] ?? "";
        resolve({ status: response.statusCode ?? 0, type, body: JSON.parse(text) });
      });
    });
    asking.on("error", reject).end();
  });
}

describe("a running API", () => {
  it("answers the client with what the source says", async () => {
    await using server = await startApiServer({ socketPath, source });
    const client = createClient(server.socketPath);
    expect(await client.status()).toEqual(status);
    expect(await client.connections(2)).toEqual([row, row]);
  });

  it("gives connections row by row, however many there are", async () => {
    const connections = (limit: number) => Array.from({ length: limit }, () => row);
    await using server = await startApiServer({ socketPath, source: { ...source, connections } });
    const client = createClient(server.socketPath);
    for (const count of [1, 2, 10_000]) {
      const rows = await Array.fromAsync(client.eachConnection(count));
      expect(rows.length).toBe(count);
      expect(rows.at(-1)).toEqual(row);
    }
    for await (const first of client.eachConnection(10_000)) {
      expect(first).toEqual(row);
      break;
    }
    const refused = Array.fromAsync(client.eachConnection(0));
    await expect(refused).rejects.toMatchObject({ code: "YM_API_QUERY" });
  });

  it("says so where they break off", async () => {
    function* connections() {
      for (let at = 0; at < 10_000; at++) yield row;
      throw new Error("no such luck");
    }
    await using server = await startApiServer({ socketPath, source: { ...source, connections } });
    const client = createClient(server.socketPath);
    await expect(Array.fromAsync(client.eachConnection(1))).rejects.toMatchObject({ code: "YM_API_FAILED" });
    await expect(client.connections(1)).rejects.toMatchObject({ code: "YM_API_FAILED" });
    await expect(client.status()).resolves.toEqual(status);
  });

  it("is open to its user and group only", async () => {
    await using server = await startApiServer({ socketPath, source });
    expect(statSync(server.socketPath).mode & 0o777).toBe(0o660);
  });

  it("is given to the group that is named, by name or number; where there is none, nothing is opened", async () => {
    const gid = process.getgid?.() ?? 0;
    const entries = readFileSync("/etc/group", "utf8")
      .split("\n")
      .map((line) => line.split(":"));
    const name = entries.find(([, , number]) => number === `${gid}`)?.[0] ?? `${gid}`;
    for (const group of [name, `${gid}`]) {
      await using server = await startApiServer({ socketPath, source, group });
      expect(statSync(server.socketPath)).toMatchObject({ gid });
      expect(statSync(server.socketPath).mode & 0o777).toBe(0o660);
    }
    const refused = startApiServer({ socketPath, source, group: "no-such-group" });
    expect(await errorOf(refused)).toMatch(/^YM_API_GROUP: .*"no-such-group": there is no such group/);
    expect(statSync(socketPath, { throwIfNoEntry: false })).toBeUndefined();
  });

  it("answers what it can't do with problem documents", async () => {
    await using _ = await startApiServer({ socketPath, source });
    const answers = [await ask("/v1/connections?limit=0"), await ask("/v1/nothing"), await ask("/v1/status", "DELETE")];
    expect(answers).toMatchInlineSnapshot(`
      [
        {
          "body": {
            "code": "YM_API_QUERY",
            "detail": "limit must be a whole number, 1–1000000",
            "status": 400,
            "title": "Bad Request",
            "type": "urn:yardmaster:YM_API_QUERY",
          },
          "status": 400,
          "type": "application/problem+json",
        },
        {
          "body": {
            "code": "YM_API_NOT_FOUND",
            "detail": "GET /v1/nothing: no such resource",
            "status": 404,
            "title": "Not Found",
            "type": "urn:yardmaster:YM_API_NOT_FOUND",
          },
          "status": 404,
          "type": "application/problem+json",
        },
        {
          "body": {
            "code": "YM_API_METHOD",
            "detail": "DELETE /v1/status: it takes GET",
            "status": 405,
            "title": "Method Not Allowed",
            "type": "urn:yardmaster:YM_API_METHOD",
          },
          "status": 405,
          "type": "application/problem+json",
        },
      ]
    `);
  });

  it("answers a change as soon as it is stored, not before", async () => {
    const { keeper, director } = keep();
    let store = (): void => undefined;
    const stored = () => new Promise<void>((resolve) => (store = resolve));
    const routes = createRoutes({ source, keeper: () => keeper, stored });
    const body = JSON.stringify({ weight: 5 });
    const headers = { "if-match": "*" };
    const asked = routes.request("/v1/services/web/servers/10.0.0.12", { method: "PATCH", headers, body });
    const answered = Promise.resolve(asked).then(({ status: number }) => number);
    expect(await Promise.race([answered, sleep(50, "waits")])).toBe("waits");
    expect(director.weights()).toEqual({ "10.0.0.11": 2, "10.0.0.12": 5 });
    store();
    expect(await answered).toBe(200);
  });

  it("answers with the error's own code and text when the source fails", async () => {
    const failing: SnapshotSource = {
      ...source,
      status: () => {
        throw new DirectorError("YM_MAP", "reading map counters: no such map");
      },
    };
    await using server = await startApiServer({ socketPath, source: failing });
    expect(await errorOf(createClient(server.socketPath).status())).toMatchInlineSnapshot(
      `"YM_MAP: reading map counters: no such map | undefined"`,
    );
  });
});

describe("the socket", () => {
  it("is gone after closing, and can be had again", async () => {
    for (let round = 0; round < 2; round++) {
      const server = await startApiServer({ socketPath, source });
      await server.close();
      expect(statSync(socketPath, { throwIfNoEntry: false })).toBeUndefined();
      await server.close();
    }
  });

  it("of a living director is refused with its pid, and the director lives on", async () => {
    await using server = await startApiServer({ socketPath, source });
    expect(await errorOf(startApiServer({ socketPath, source }))).toMatchInlineSnapshot(
      `"YM_API_SOCKET: a director with pid 4242 answers at FOLDER/made/director.sock already | stop it first, or give this one a socket of its own with --socket"`,
    );
    expect(await createClient(server.socketPath).status()).toEqual(status);
  });

  it("of a dead director is replaced", async () => {
    await using first = await startApiServer({ socketPath, source });
    const stale = join(folder, "stale.sock");
    await leaveStaleSocket(stale);
    await using second = await startApiServer({ socketPath: stale, source });
    expect(await createClient(second.socketPath).status()).toEqual(await createClient(first.socketPath).status());
  });

  it("is not made over a file, nor where the path is too long or no directory can be", async () => {
    const file = join(folder, "file");
    writeFileSync(file, "precious");
    const paths = [file, join(folder, "x".repeat(120)), join(file, "director.sock")];
    const errors = [];
    for (const path of paths) errors.push(await errorOf(startApiServer({ socketPath: path, source })));
    expect(errors).toMatchInlineSnapshot(`
      [
        "YM_API_SOCKET: FOLDER/file is there and is no socket | name another place with --socket, or remove it",
        "YM_API_SOCKET: socket path FOLDER/xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx is longer than 107 bytes | name a shorter one with --socket",
        "YM_API_SOCKET: listening at FOLDER/file/director.sock: ENOTDIR: not a directory, lstat 'FOLDER/file/director.sock' | name another place with --socket",
      ]
    `);
  });

  it("comes from the option, else the environment, else is the default", () => {
    expect(resolveSocketPath({ socket: "/a" }, { YARDMASTER_SOCKET: "/b" })).toBe("/a");
    expect(resolveSocketPath({}, { YARDMASTER_SOCKET: "/b" })).toBe("/b");
    expect(resolveSocketPath({}, { YARDMASTER_SOCKET: "" })).toBe("/run/yardmaster/default.sock");
    expect(resolveSocketPath({ instance: "b" }, { YARDMASTER_SOCKET: "/b" })).toBe("/run/yardmaster/b.sock");
    expect(resolveSocketPath({ instance: "b", socket: "/c" }, {})).toBe("/c");
    expect(resolveSocketPath({ instance: "default" }, { YARDMASTER_SOCKET: "/b" })).toBe("/b");
  });
});

describe("a client", () => {
  it("says what to do where no director answers", async () => {
    const client = createClient(join(folder, "nobody.sock"));
    expect(await errorOf(client.status())).toMatchInlineSnapshot(
      `"YM_API_UNREACHABLE: no director answers at FOLDER/nobody.sock | start one with \`yardmaster run -f FILE\`, or name its socket with --socket"`,
    );
  });

  it("gives up on a director that does not answer", async () => {
    const silent = createServer();
    const path = join(folder, "silent.sock");
    await new Promise<void>((resolve) => silent.listen(path, resolve));
    const sockets = new Set<{ destroy(): void }>();
    silent.on("connection", (socket) => sockets.add(socket));
    expect(await errorOf(createClient(path, { timeoutMs: 50 }).status())).toMatchInlineSnapshot(
      `"YM_API_TIMEOUT: the director at FOLDER/silent.sock did not answer within 50 ms | undefined"`,
    );
    for (const socket of sockets) socket.destroy();
    await new Promise((resolve) => silent.close(resolve));
  });
});

/** Leaves a socket as a killed process does: bound, with nobody behind it. */
async function leaveStaleSocket(path: string): Promise<void> {
  const { execFileSync } = await import("node:child_process");
  const script = `require("net").createServer().listen(process.argv[1], () => process.kill(process.pid, "SIGKILL"))`;
  try {
    execFileSync(process.execPath, ["-e", script, path]);
  } catch {
    // Killed, as planned.
  }
  expect(statSync(path).isSocket()).toBe(true);
}
