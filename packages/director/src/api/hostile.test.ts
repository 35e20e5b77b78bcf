// The API at a socket, asked badly: every route with bodies that are random, cut off or huge, requests that are none,
// askers that dawdle or come all at once. It never fails (500), and what it refuses has changed nothing.
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { request } from "node:http";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { anyBody, keep, webFile } from "../../test/change/kept.ts";
import { Events } from "./events.ts";
import { operations } from "./operations.ts";
import { startApiServer } from "./server.ts";
import type { DirectorStatus } from "./types.ts";

const status: DirectorStatus = {
  ...{ version: "0.1.0", pid: 1, startedAtMs: 0, configurationFile: "y.yaml", hooks: [], services: [], verdicts: [] },
  ...{ hints: [], connectionTable: { entries: 0, maximum: 1 } },
};
const usual = { perSecond: 1e6, burst: 1e6, atOnce: 16, bodyBytes: 32 * 1024 * 1024 };

let folder = "";
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "yardmaster-hostile-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

async function serve(limits = usual) {
  const kept = keep();
  const server = await startApiServer({
    ...{ socketPath: join(folder, "director.sock"), limits, keeper: () => kept.keeper },
    source: { status: () => status, connections: () => [], checks: () => [] },
    events: new Events(() => status),
  });
  return { ...kept, server };
}

interface Asked {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
}

/** Status 0: the connection was closed before an answer. */
function ask(
  socketPath: string,
  { body, ...asked }: Asked,
): Promise<{ readonly status: number; readonly text: string }> {
  return new Promise((resolve) => {
    const asking = request({ socketPath, agent: false, ...asked }, (response) => {
      let text = "";
      response.on("data", (chunk) => (text += chunk));
      const done = () => resolve({ status: response.statusCode ?? 0, text });
      response.on("close", done).on("error", () => undefined);
      // Events do not end.
      if (response.headers["content-type"]?.startsWith("text/event-stream") === true) response.destroy();
    });
    asking.on("error", () => resolve({ status: 0, text: "" })).end(body);
  });
}

/** Sends bytes as they are; what comes back until the other side closes. */
async function sendRaw(socketPath: string, bytes: string | Uint8Array): Promise<string> {
  const socket = connect(socketPath);
  let text = "";
  socket.on("data", (chunk) => (text += chunk)).on("error", () => undefined);
  socket.end(bytes);
  await once(socket, "close");
  return text;
}

const names = fc.oneof(
  fc.constantFrom("web", "10.0.0.11", "10.0.0.12:80", "%00", "..%2f", "[::1]", "__proto__", "constructor"),
  fc.string({ maxLength: 20 }).map(encodeURIComponent),
);
const cutOff = fc.nat(webFile.length).map((length) => webFile.slice(0, length));
const huge = fc.constantFrom(
  ...["x".repeat(9_000_000), `{"a":"${"y".repeat(1_100_000)}"}`, "- ".repeat(500_000), "[".repeat(1_000_000)],
);
const ifMatch = fc.constantFrom(undefined, "*", '"none"', "", "W/*", '"a", "b"', "x".repeat(5000));
const badRequest = fc.record({
  operation: fc.constantFrom(...operations.filter(({ id }) => id !== "stop")),
  ...{ name: names, endpoint: names, ifMatch },
  body: fc.oneof({ weight: 10, arbitrary: anyBody }, { weight: 4, arbitrary: cutOff }, { weight: 1, arbitrary: huge }),
  query: fc.constantFrom("", "?limit=0", "?limit=x&limit=y", "?confirm=-1", "?counters=1ms", "?%00=%ff", "?confirm=1h"),
});

describe("a request of any sort", () => {
  it("is done or refused with a problem document; what is refused has changed nothing", async () => {
    const { server, keeper, director } = await serve();
    await using _ = server;
    await fc.assert(
      fc.asyncProperty(badRequest, async ({ operation, name, endpoint, ifMatch: match, body, query }) => {
        const { method, path } = operation;
        const before = { text: keeper.text, revision: keeper.revision, configuration: director.configuration };
        const answer = await ask(server.socketPath, {
          method: method.toUpperCase(),
          path: path.replace("{name}", name).replace("{endpoint}", endpoint) + query,
          headers: {
            ...(match !== undefined && { "if-match": match }),
            // Node frames no body of DELETE by itself.
            ...(method === "delete" && { "content-length": String(Buffer.byteLength(body)) }),
          },
          ...(method !== "get" && { body }),
        });
        // 0: of a body that is too large nobody reads the rest.
        expect([0, 200, 204, 400, 404, 405, 409, 412, 413, 422, 428]).toContain(answer.status);
        if (answer.status >= 400) {
          expect(JSON.parse(answer.text)).toMatchObject({ status: answer.status, code: expect.stringMatching(/^YM_/) });
        }
        if (answer.status === 0 || answer.status >= 400) {
          expect(keeper.text).toBe(before.text);
          expect([keeper.revision, director.configuration]).toEqual([before.revision, before.configuration]);
        }
        if (keeper.pending !== undefined) keeper.confirm();
      }),
      { numRuns: 600 },
    );
    expect(() => keeper.plan(keeper.text)).not.toThrow();
  }, 60_000);

  it("that replaces something says what: 428 without, 412 for what is no more, * for whatever is there", async () => {
    const { server, keeper } = await serve();
    await using _ = server;
    const path = "/v1/services/web/servers/10.0.0.11";
    const patch = async (headers: Readonly<Record<string, string>>, weight: number) =>
      (await ask(server.socketPath, { method: "PATCH", path, headers, body: `{"weight":${weight}}` })).status;
    const first = `"${keeper.revision}"`;
    expect(await patch({}, 3)).toBe(428);
    expect(await patch({ "if-match": first }, 4)).toBe(200);
    expect(await patch({ "if-match": first }, 5)).toBe(412);
    expect(await patch({ "if-match": `W/"${keeper.revision}"` }, 6)).toBe(412);
    expect(await patch({ "if-match": `"x", "${keeper.revision}"` }, 7)).toBe(200);
    expect(await patch({ "if-match": "*" }, 8)).toBe(200);
  });
});

describe("bytes that are no request", () => {
  it("get a problem document or nothing, and others are served", async () => {
    const { server } = await serve();
    await using _ = server;
    const { socketPath } = server;
    expect(await sendRaw(socketPath, "hello\r\n\r\n")).toMatch(/^HTTP\/1.1 400 .*application\/problem\+json.*YM_API_/s);
    const long = `GET /v1/status HTTP/1.1\r\nhost: y\r\nx: ${"x".repeat(100_000)}\r\n\r\n`;
    expect(await sendRaw(socketPath, long)).toMatch(/^HTTP\/1.1 431 .*YM_API_REQUEST/s);
    expect(await sendRaw(socketPath, "GET /v1/status HTTP/1.1\r\nhost: a b/c\r\n\r\n")).toMatch(
      /^HTTP\/1.1 400 .*YM_API/s,
    );
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        expect(await sendRaw(socketPath, bytes)).not.toMatch(/^HTTP\/1.1 5/);
      }),
      { numRuns: 100 },
    );
    expect((await ask(socketPath, { method: "GET", path: "/v1/checks" })).status).toBe(200);
  });
});

describe("too much", () => {
  it("in a second is refused, with when to come again", async () => {
    const { server } = await serve({ ...usual, perSecond: 0.001, burst: 3 });
    await using _ = server;
    const statuses = [];
    for (let at = 0; at < 5; at++)
      statuses.push((await ask(server.socketPath, { method: "GET", path: "/v1/checks" })).status);
    expect(statuses).toEqual([200, 200, 200, 429, 429]);
  });

  it("at once is refused: bodies that do not come, until they give up", async () => {
    const { server } = await serve({ ...usual, atOnce: 2 });
    await using _ = server;
    const dawdlers = [0, 1].map(() => {
      const socket = connect(server.socketPath);
      socket.write("PUT /v1/configuration HTTP/1.1\r\nhost: y\r\nif-match: *\r\ncontent-length: 100\r\n\r\n");
      return socket;
    });
    const checks = () => ask(server.socketPath, { method: "GET", path: "/v1/checks" });
    let answer = await checks();
    for (let poll = 0; poll < 500 && answer.status !== 429; poll++) answer = await checks();
    expect([answer.status, JSON.parse(answer.text).code]).toEqual([429, "YM_API_BUSY"]);
    for (const socket of dawdlers) socket.destroy();
    for (let poll = 0; poll < 500 && answer.status !== 200; poll++) answer = await checks();
    expect(answer.status).toBe(200);
  });

  it("of bodies together is refused before it is read", async () => {
    const { server } = await serve({ ...usual, bodyBytes: 1000 });
    await using _ = server;
    const put = (body: string) =>
      ask(server.socketPath, { method: "PUT", path: "/v1/configuration", headers: { "if-match": "*" }, body });
    expect((await put(`${webFile}# ${"x".repeat(2000)}`)).status).toBe(429);
    expect((await put(webFile)).status).toBe(200);
  });
});
