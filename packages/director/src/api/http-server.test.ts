// A server with little patience: who does not come to an end is sent away, others are served.
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { closeServer, createHttpServer, listening, type Patience } from "./http-server.ts";

const patient: Patience = { headersMs: 60_000, requestMs: 60_000, lookMs: 20, silenceMs: 60_000 };
let folder = "";
beforeEach(() => void (folder = mkdtempSync(join(tmpdir(), "yardmaster-http-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** What a server says to somebody who sends this and then nothing more, until it closes the connection. */
async function saidTo(patience: Patience, bytes: string): Promise<string> {
  const path = join(folder, "http.sock");
  const server = createHttpServer(async (request) => new Response(await request.text()), undefined, patience);
  await listening(server, () => server.listen(path));
  const socket = connect(path);
  let text = "";
  socket.on("data", (chunk) => (text += chunk)).on("error", () => undefined);
  socket.write(bytes);
  await once(socket, "close");
  await closeServer(server);
  return text;
}

it("headers that do not end get 408, as a problem document", async () => {
  const said = await saidTo({ ...patient, headersMs: 50 }, "GET / HTTP/1.1\r\nhost: y\r\nx: ");
  expect(said).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n.*application\/problem\+json.*YM_API_REQUEST/s);
});

it("a body that does not end gets 408, too", async () => {
  const said = await saidTo(
    { ...patient, headersMs: 50, requestMs: 100 },
    "PUT / HTTP/1.1\r\nhost: y\r\ncontent-length: 9\r\n\r\n",
  );
  expect(said).toMatch(/^HTTP\/1\.1 408 /);
});

it("silence ends a connection", async () => {
  expect(await saidTo({ ...patient, silenceMs: 50 }, "")).toBe("");
});
