// On what conditions the API listens on TCP, and who is heard there.
import { chmodSync, copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { request as plainRequest, type RequestOptions } from "node:http";
import { Agent, request as tlsRequest } from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import type { TLSSocket } from "node:tls";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { certificate } from "../../test/health/certificate.ts";
import type { Facts } from "../log/report.ts";
import type { Limits } from "./admission.ts";
import { openEndpoint, type TcpApiOptions } from "./endpoint.ts";
import { type ApiServer, startApiServer } from "./server.ts";

const token = "0123456789abcdef0123456789abcdef";
let folder = "";
const pathOf = (name: string) => join(folder, name);

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "yardmaster-tcp-"));
  writeFileSync(pathOf("tokens"), `# of the console\n${token}\n\nsecond-token-0123456789\n`, { mode: 0o600 });
  for (const name of ["own", "client", "stranger"]) {
    const { key, cert } = certificate();
    writeFileSync(pathOf(`${name}.key`), key);
    writeFileSync(pathOf(`${name}.crt`), cert);
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function refusalOf(options: TcpApiOptions): string {
  try {
    openEndpoint(options, () => undefined);
  } catch (error) {
    const { code, message, hint } = error as { code: string; message: string; hint?: string };
    return `${code}: ${message} | ${hint}`.replaceAll(folder, "FOLDER");
  }
  return "none";
}

describe("an endpoint", () => {
  const tls = () => ({ certificateFile: pathOf("own.crt"), keyFile: pathOf("own.key") });

  it("is refused where it would be open, or where what it needs is not there", () => {
    const tokenFile = pathOf("tokens");
    writeFileSync(pathOf("short"), "secret\n");
    writeFileSync(pathOf("empty"), "# nothing\n");
    const listen = "127.0.0.1:9400";
    expect(
      [
        { listen },
        { listen: "192.0.2.1:9400", tokenFile },
        { listen: "[::]:9400", tokenFile },
        { listen, ...tls() },
        { listen, tokenFile, certificateFile: pathOf("own.crt") },
        { listen, clientCaFile: pathOf("client.crt") },
        { listen, tokenFile: pathOf("nothing") },
        { listen, tokenFile: pathOf("short") },
        { listen, tokenFile: pathOf("empty") },
        { listen, tokenFile, certificateFile: tokenFile, keyFile: tokenFile },
        ...["9400", "localhost:9400", "127.0.0.1:0", "127.0.0.1:70000", "::1:9400", "[127.0.0.1]:9400"].map(
          (other) => ({
            ...{ listen: other, tokenFile },
          }),
        ),
      ].map(refusalOf),
    ).toMatchInlineSnapshot(`
      [
        "YM_API_OPEN: opening the API on 127.0.0.1:9400: it would be open to everybody | name a file of tokens (tokenFile, --api-token-file), or who vouches for clients (clientCaFile, --api-client-ca)",
        "YM_API_OPEN: opening the API on 192.0.2.1:9400: the token would go over the network in the clear | name the server's own certificate and key (certificateFile and keyFile, --api-certificate and --api-key), or listen on 127.0.0.1 or [::1]",
        "YM_API_OPEN: opening the API on [::]:9400: the token would go over the network in the clear | name the server's own certificate and key (certificateFile and keyFile, --api-certificate and --api-key), or listen on 127.0.0.1 or [::1]",
        "YM_API_OPEN: opening the API on 127.0.0.1:9400: it would be open to everybody | name a file of tokens (tokenFile, --api-token-file), or who vouches for clients (clientCaFile, --api-client-ca)",
        "YM_API_TLS: opening the API on 127.0.0.1:9400: a certificate and its key go together | name the server's own certificate and key (certificateFile and keyFile, --api-certificate and --api-key)",
        "YM_API_TLS: opening the API on 127.0.0.1:9400: client certificates need TLS | name the server's own certificate and key (certificateFile and keyFile, --api-certificate and --api-key)",
        "YM_API_TOKEN: reading the API's tokens from FOLDER/nothing: ENOENT: no such file or directory, stat 'FOLDER/nothing' | one token a line, of 16 or more letters and digits, as \`openssl rand -hex 32\` makes them",
        "YM_API_TOKEN: reading the API's tokens from FOLDER/short: line 1 is none | one token a line, of 16 or more letters and digits, as \`openssl rand -hex 32\` makes them",
        "YM_API_TOKEN: reading the API's tokens from FOLDER/empty: there is none in it | one token a line, of 16 or more letters and digits, as \`openssl rand -hex 32\` makes them",
        "YM_API_TLS: reading FOLDER/tokens: it is not PEM | it begins with -----BEGIN",
        "YM_API_LISTEN: opening the API on 9400: "9400" is no address and port | write 127.0.0.1:9400 or [::1]:9400",
        "YM_API_LISTEN: opening the API on localhost:9400: "localhost:9400" is no address and port | write 127.0.0.1:9400 or [::1]:9400",
        "YM_API_LISTEN: opening the API on 127.0.0.1:0: "127.0.0.1:0" is no address and port | write 127.0.0.1:9400 or [::1]:9400",
        "YM_API_LISTEN: opening the API on 127.0.0.1:70000: "127.0.0.1:70000" is no address and port | write 127.0.0.1:9400 or [::1]:9400",
        "YM_API_LISTEN: opening the API on ::1:9400: "::1:9400" is no address and port | write 127.0.0.1:9400 or [::1]:9400",
        "YM_API_LISTEN: opening the API on [127.0.0.1]:9400: "[127.0.0.1]:9400" is no address and port | write 127.0.0.1:9400 or [::1]:9400",
      ]
    `);
  });

  it("is taken on loopback with a token, and elsewhere with TLS besides", () => {
    const tokenFile = pathOf("tokens");
    for (const listen of ["127.0.0.1:9400", "127.1.2.3:9400", "[::1]:9400"]) {
      expect(refusalOf({ listen, tokenFile })).toBe("none");
    }
    expect(refusalOf({ listen: "0.0.0.0:9400", tokenFile, ...tls() })).toBe("none");
    expect(refusalOf({ listen: "[::]:9400", clientCaFile: pathOf("client.crt"), ...tls() })).toBe("none");
  });

  it("says so where everybody may read the tokens", () => {
    const said: string[] = [];
    writeFileSync(pathOf("open"), token);
    chmodSync(pathOf("open"), 0o644);
    openEndpoint({ listen: "127.0.0.1:9400", tokenFile: pathOf("open") }, (line) => said.push(line));
    expect(said).toEqual([`${pathOf("open")}: everybody on this machine may read the API's tokens`]);
  });
});

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** An API on TCP. */
async function serve(options: Omit<TcpApiOptions, "listen">, limits?: Limits) {
  const said: { line: string; facts: Facts | undefined }[] = [];
  const port = await freePort();
  const never = (): never => {
    throw new Error("nobody asks");
  };
  const server = await startApiServer({
    socketPath: pathOf(`${port}.sock`),
    tcp: { listen: `127.0.0.1:${port}`, ...options },
    source: { status: never, connections: never, checks: () => [] },
    report: (line, facts) => said.push({ line, facts }),
    ...(limits !== undefined && { limits }),
  });
  return { server, said };
}

interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Readonly<Record<string, unknown>>;
  /** The server's, where it has one. */
  readonly certificate: string | undefined;
}

function ask({ url = "" }: ApiServer, options: RequestOptions & Readonly<Record<string, unknown>>): Promise<Answer> {
  const request = url.startsWith("https") ? tlsRequest : plainRequest;
  return new Promise((resolve, reject) => {
    const asking = request(new URL("/v1/checks", url), { agent: false, ...options }, (response) => {
      let text = "";
      const { statusCode: status = 0, headers, socket } = response;
      const certificate = (socket as TLSSocket).getPeerX509Certificate?.()?.toString().trim();
      response.on("data", (chunk) => (text += chunk));
      response.on("end", () => resolve({ status, headers, certificate, body: JSON.parse(text) }));
    });
    asking.on("error", reject).end();
  });
}

const bearer = (text: string) => ({ headers: { authorization: `Bearer ${text}` } });

describe("over TCP", () => {
  it("who has a token is heard, and nobody else", async () => {
    const { server, said } = await serve({ tokenFile: pathOf("tokens") });
    await using _ = server;
    expect(await ask(server, bearer(token))).toMatchObject({ status: 200, body: { checks: [] } });
    expect(await ask(server, bearer("second-token-0123456789"))).toMatchObject({ status: 200 });
    expect(await ask(server, {})).toMatchObject({
      status: 401,
      headers: { "www-authenticate": 'Bearer realm="yardmaster"', "content-type": "application/problem+json" },
      body: { code: "YM_API_ACCESS", status: 401 },
    });
    for (const wrong of [token.slice(1), `${token}x`, "", "# of the console"]) {
      expect(await ask(server, bearer(wrong))).toMatchObject({ status: 401 });
    }
    expect(await ask(server, { headers: { authorization: `Basic ${token}` } })).toMatchObject({ status: 401 });
    // One line, however many are refused.
    expect(said).toEqual([
      { line: "API: 127.0.0.1 is refused: no token", facts: expect.objectContaining({ event: "accessRefused" }) },
    ]);
  });

  it("guessing comes to an end", async () => {
    const slow = { perSecond: 0.01, burst: 200, atOnce: 64, bodyBytes: 1000 };
    const { server } = await serve({ tokenFile: pathOf("tokens") }, slow);
    await using _ = server;
    const statuses: number[] = [];
    for (let at = 0; at < 60; at++) statuses.push((await ask(server, bearer(`wrong-token-${at}-0123456789`))).status);
    expect(statuses.filter((status) => status === 401).length).toBe(20);
    const refused = await ask(server, bearer(token));
    expect([refused.status, refused.body["code"]]).toEqual([429, "YM_API_BUSY"]);
    expect(Number(refused.headers["retry-after"])).toBeGreaterThan(0);
  });

  it("pages of other sites are not heard, whatever they have", async () => {
    const { server } = await serve({ tokenFile: pathOf("tokens") });
    await using _ = server;
    const { authorization } = bearer(token).headers;
    const other = await ask(server, { headers: { authorization, origin: "https://evil.example" } });
    expect(other.status).toBe(403);
    expect((await ask(server, { headers: { authorization, origin: server.url ?? "" } })).status).toBe(200);
  });

  it("a client certificate does where its issuer is named; strangers do not come in", async () => {
    const own = { certificateFile: pathOf("own.crt"), keyFile: pathOf("own.key"), clientCaFile: pathOf("client.crt") };
    const { server } = await serve(own);
    await using _ = server;
    const as = async (name: string) => {
      const [key, cert] = [readFileSync(pathOf(`${name}.key`)), readFileSync(pathOf(`${name}.crt`))];
      return await ask(server, { key, cert, rejectUnauthorized: false });
    };
    expect(server.url).toMatch(/^https:/);
    expect(await as("client")).toMatchObject({ status: 200 });
    await expect(as("stranger")).rejects.toThrow();
    await expect(ask(server, { rejectUnauthorized: false })).rejects.toThrow();
  });

  it("files that change count for the next request, on connections that are open, too", async () => {
    const names = ["rotated.crt", "rotated.key", "rotated.ca", "rotated.tokens"].map(pathOf) as [
      string,
      string,
      string,
      string,
    ];
    const [certificateFile, keyFile, clientCaFile, tokenFile] = names;
    const put = (own: string, client: string, tokens: string) => {
      copyFileSync(pathOf(`${own}.crt`), certificateFile);
      copyFileSync(pathOf(`${own}.key`), keyFile);
      copyFileSync(pathOf(`${client}.crt`), clientCaFile);
      writeFileSync(tokenFile, tokens, { mode: 0o600 });
    };
    put("own", "client", token);
    const { server, said } = await serve({ certificateFile, keyFile, clientCaFile, tokenFile });
    await using _ = server;
    const [key, cert] = [readFileSync(pathOf("client.key")), readFileSync(pathOf("client.crt"))];
    const agent = new Agent({ keepAlive: true, key, cert, rejectUnauthorized: false });
    const pem = (name: string) => readFileSync(pathOf(name), "utf8").trim();
    expect(await ask(server, { agent })).toMatchObject({ status: 200, certificate: pem("own.crt") });
    put("stranger", "own", "another-token-0123456789");
    server.reread("SIGHUP");
    // As clients do where a kept connection turns out to be closed.
    const again = ask(server, { agent }).catch(() => ask(server, { agent }));
    expect(await again).toMatchObject({ status: 401, certificate: pem("stranger.crt") });
    expect((await ask(server, { rejectUnauthorized: false, ...bearer(token) })).status).toBe(401);
    expect((await ask(server, { rejectUnauthorized: false, ...bearer("another-token-0123456789") })).status).toBe(200);
    writeFileSync(certificateFile, "nothing");
    server.reread("SIGHUP");
    expect((await ask(server, { rejectUnauthorized: false, ...bearer("another-token-0123456789") })).status).toBe(200);
    expect(said.at(-1)?.line).toMatch(
      /^API: SIGHUP: not taken, what counted before still does: reading .*: it is not PEM/,
    );
    agent.destroy();
  });

  it("with both, either does", async () => {
    const own = { certificateFile: pathOf("own.crt"), keyFile: pathOf("own.key"), clientCaFile: pathOf("client.crt") };
    const { server } = await serve({ ...own, tokenFile: pathOf("tokens") });
    await using _ = server;
    expect(await ask(server, { rejectUnauthorized: false })).toMatchObject({ status: 401 });
    expect(await ask(server, { rejectUnauthorized: false, ...bearer(token) })).toMatchObject({ status: 200 });
  });
});
