// The API of a running director as people use it: curl on the Unix socket and over TCP with a token or a client
// certificate, which change meanwhile; events while things change; a listener that is refused where it would be open.
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { DirectorStatus, StateEvent } from "@yardmaster/director";
import { afterAll, afterEach, beforeAll, describe, expect, test } from "vitest";
import { configOf, type Director, DirectorHost } from "./director-host.ts";
import { needsRoot } from "./lab-options.ts";

const token = "5ae1ee5f0d6cf0a9d8b2b7c1c3d0e9f8";
const server = "/v1/services/web/servers/10.0.0.11";

describe.skipIf(needsRoot)("the API of a running director", () => {
  let host: DirectorHost;
  let director: Director;
  beforeAll(async () => {
    host = new DirectorHost();
    host.ip("director", "link set lo up");
    for (const name of ["own", "client", "stranger"]) put(name);
    writeFileSync(pathOf("tokens"), `${token}\n`, { mode: 0o600 });
    const files = { tokenFile: "tokens", certificateFile: "own.crt", keyFile: "own.key", clientCaFile: "client.crt" };
    const named = Object.entries(files).map(([key, name]) => `${key}: ${pathOf(name)}`);
    const api = `api: { listen: "127.0.0.1:9400", ${named.join(", ")} }\n`;
    director = await host.startFile(host.write(api + configOf()));
  });
  afterAll(async () => {
    await director.stop("SIGKILL");
    await host.instance(["down"]);
    host[Symbol.dispose]();
  });
  afterEach(async () => {
    await curl(["-X", "PATCH", "-H", "If-Match: *", "-d", '{"weight":1}', `http://y${server}`]);
  });

  const pathOf = (name: string) => join(host.folder, name);
  /** Makes a certificate for a name, and its key. */
  const put = (name: string) => {
    const words = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30"];
    const about = ["-subj", `/CN=${name}`, "-addext", "subjectAltName=DNS:example.org"];
    const files = ["-keyout", pathOf(`${name}.key`), "-out", pathOf(`${name}.crt`)];
    execFileSync("openssl", [...words, ...about, ...files], { stdio: "ignore" });
  };
  /** curl on the socket; status and body. */
  const curl = async (words: readonly string[], over: readonly string[] = ["--unix-socket", director.socketPath]) => {
    const { stdout } = await host.run("director", ["curl", "-sS", "-w", "\n%{http_code}", ...over, ...words]);
    const [, body = "", status = ""] = /^(.*)\n(\d+)$/s.exec(stdout) ?? [];
    return { status: Number(status), body };
  };
  const overTcp = (words: readonly string[], authorization?: string) =>
    curl([...tls(), ...words], authorization === undefined ? [] : ["-H", `Authorization: ${authorization}`]);
  /** The certificate's name is found at the director; nothing is taken on trust. */
  const tls = () => ["--connect-to", "example.org:443:127.0.0.1:9400", "--cacert", pathOf("own.crt")];
  const as = (name: string) => ["--cert", pathOf(`${name}.crt`), "--key", pathOf(`${name}.key`)];

  test("curl --unix-socket reads and changes it; what is stale or unconditional is refused", async () => {
    const status = await curl(["http://y/v1/status"]);
    expect(status.status).toBe(200);
    expect((JSON.parse(status.body) as DirectorStatus).services).toMatchObject([{ name: "web" }]);
    const { body: head } = await curl(["-I", "http://y/v1/configuration"]);
    const [, etag = ""] = /^etag: (".+")/im.exec(head) ?? [];
    const patch = (condition: readonly string[]) =>
      curl(["-X", "PATCH", ...condition, "-d", '{"weight":7}', `http://y${server}`]);
    expect((await patch([])).status).toBe(428);
    expect((await patch(["-H", `If-Match: ${etag}`])).status).toBe(200);
    expect((await patch(["-H", `If-Match: ${etag}`])).status).toBe(412);
    expect(JSON.parse((await curl([`http://y${server}`])).body)).toMatchObject({ weight: 7 });
    expect(JSON.parse((await curl(["http://y/openapi.json"])).body)).toMatchObject({ openapi: "3.1.0" });
    expect((await curl(["http://y/metrics"])).body).toContain("# TYPE yardmaster_service_connections_total counter");
    const open = ["-H", "Accept: application/openmetrics-text; version=1.0.0", "http://y/metrics?per=service"];
    expect((await curl(open)).body).toMatch(/^yardmaster_service_weight\{service="web".*# EOF\n$/ms);
    expect((await curl(["http://y/metrics?per=host"])).status).toBe(400);
  });

  test("over TCP a token is needed", async () => {
    const url = "https://example.org/v1/status";
    expect(await overTcp([url], `Bearer ${token}`)).toMatchObject({ status: 200 });
    for (const other of [undefined, "Bearer 0123456789abcdef0123456789abcdef", `Basic ${token}`]) {
      const answer = await overTcp([url], other);
      expect([answer.status, JSON.parse(answer.body).code]).toEqual([401, "YM_API_ACCESS"]);
    }
    expect(director.said()).toMatch(/^API: 127\.0\.0\.1 is refused: no token$/m);
    const changed = await overTcp(
      ["-X", "PATCH", "-H", "If-Match: *", "-d", '{"weight":3}', `https://example.org${server}`],
      `Bearer ${token}`,
    );
    expect(changed.status).toBe(200);
    expect(director.said()).toMatch(/PATCH \/v1\/services\/web\/servers\/10\.0\.0\.11 from 127\.0\.0\.1: /);
  });

  test("a client certificate does, and no other; what is put into the files counts without a restart", async () => {
    const url = "https://example.org/metrics";
    const own = await overTcp([...as("client"), url]);
    expect(own).toMatchObject({ status: 200, body: expect.stringContaining("yardmaster_api_certificate_expiry") });
    expect((await overTcp([...as("stranger"), url])).status).not.toBe(200);
    put("own");
    put("client");
    const read = async () => (await overTcp([...as("client"), url])).status;
    await expect.poll(read, { timeout: 30_000, interval: 500 }).toBe(200);
    expect(director.said()).toMatch(/^API: changed files: what is in its files now counts, its certificate is good/m);
    writeFileSync(pathOf("tokens"), "short");
    process.kill(director.pid, "SIGHUP");
    await expect
      .poll(() => director.said())
      .toMatch(/^API: SIGHUP: not taken, what counted before still does: .*line 1/m);
    expect((await overTcp([url], `Bearer ${token}`)).status).toBe(200);
  });

  test("events tell what changes, and count", async () => {
    const listening = host.spawn("director", [
      ...["curl", "-sSN", "--unix-socket", director.socketPath, "http://y/v1/events?counters=1s"],
    ]);
    let text = "";
    listening.stdout?.on("data", (chunk) => (text += chunk));
    const until = async (words: RegExp) => {
      for (let poll = 0; poll < 1000 && !words.test(text); poll++) await sleep(10);
      expect(text).toMatch(words);
    };
    await until(/^event: counters$/m);
    await curl(["-X", "PATCH", "-H", "If-Match: *", "-d", '{"weight":9}', `http://y${server}`]);
    await until(/^event: state$/m);
    const [, data = ""] = /^event: state\nid: \S+\ndata: (.*)$/m.exec(text) ?? [];
    expect(JSON.parse(data) as StateEvent).toMatchObject({
      ...{ event: "configurationChanged", cause: `PATCH ${server}`, program: { program: "kept" } },
      diff: { services: [{ name: "web", change: "changed", servers: [{ server: "10.0.0.11:8080" }] }] },
    });
    listening.kill();
  });

  test("a listener that would be open to all is refused, with the reason", async () => {
    const start = (...words: readonly string[]) =>
      host.yardmaster([
        "run",
        "-f",
        host.write(configOf()),
        "--socket",
        join(host.folder, "other.sock"),
        "--ephemeral",
        ...words,
      ]);
    const open = await start("--api", "127.0.0.1:9401");
    expect(open).toMatchObject({ status: 1, stderr: expect.stringContaining("it would be open to everybody") });
    const half = await start("--api-token-file", join(host.folder, "tokens"));
    expect(half).toMatchObject({ status: 2, stderr: expect.stringContaining("but not where") });
    const clear = await start("--api", "10.0.0.1:9401", "--api-token-file", join(host.folder, "tokens"));
    expect(clear).toMatchObject({ status: 1, stderr: expect.stringContaining("in the clear") });
  });
});
