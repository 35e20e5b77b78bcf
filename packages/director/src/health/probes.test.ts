// Each kind of check against servers on loopback that are good, bad, silent or not there; and nothing left open after.
import { createSocket } from "node:dgram";
import { createServer as createHttp } from "node:http";
import { createServer as createHttp2, type ServerHttp2Stream } from "node:http2";
import { createServer as createHttps } from "node:https";
import { createServer as createTcp } from "node:net";
import { createServer as createTls } from "node:tls";
import { readdirSync, readFileSync, rmSync } from "node:fs";
import { afterEach, describe, expect, test } from "vitest";
import { certificate } from "../../test/health/certificate.ts";
import { answerWith, listening, listeningUdp, openResources, probeOnce } from "../../test/health/servers.ts";
import type { HttpSettings, Probe } from "../model/check.ts";

const request: HttpSettings = {
  ...{ method: "GET", path: "/health", host: undefined, headers: {}, body: undefined },
  status: [{ first: 200, last: 299 }],
};
const http: Probe = { kind: "http", ...request };
const noTls = { serverName: undefined, verify: false } as const;
type DnsProbe = Extract<Probe, { readonly kind: "dns" }>;
const dnsName: DnsProbe = { kind: "dns", name: "example.org", type: "A", rcode: "NOERROR", answer: undefined };

let opened = openResources();
afterEach(async () => {
  expect(await opened.left()).toEqual([]);
  opened = openResources();
});

describe("tcp and tls", () => {
  test("a port that listens, one that does not, one that never answers", async () => {
    await using server = await listening(createTcp());
    expect(await probeOnce({ kind: "tcp" }, server.port)).toMatchObject({ outcome: "good", reason: "connected" });
    const port = server.port;
    await server[Symbol.asyncDispose]();
    expect(await probeOnce({ kind: "tcp" }, port)).toMatchObject({
      outcome: "bad",
      reason: `connect ECONNREFUSED 127.0.0.1:${port}`,
    });
  });

  test("IPv6", async () => {
    await using server = await listening(createTcp(), "::1");
    expect(await probeOnce({ kind: "tcp" }, server.port, { address: "::1" })).toMatchObject({ outcome: "good" });
  });

  test("a TLS handshake, a certificate that nobody vouches for, a server that speaks something else", async () => {
    await using secure = await listening(createTls(certificate()));
    await using plain = await listening(createTcp((socket) => answerWith(socket, "hello\r\n")));
    await using silent = await listening(createTcp((socket) => answerWith(socket, "")));
    const said = await Promise.all([
      probeOnce({ kind: "tls", ...noTls }, secure.port),
      probeOnce({ kind: "tls", serverName: "example.org", verify: true }, secure.port),
      probeOnce({ kind: "tls", ...noTls }, plain.port),
      probeOnce({ kind: "tls", ...noTls }, silent.port, { timeoutMs: 400 }),
    ]);
    expect(said.map(({ outcome }) => outcome)).toEqual(["good", "bad", "bad", "bad"]);
    expect(said[0]?.reason).toMatch(/^TLSv1\.3 /);
    expect(said[1]?.reason).toContain("DEPTH_ZERO_SELF_SIGNED_CERT");
    expect(said[3]?.reason).toBe("timed out after 400 ms: no end of the TLS handshake");
  });
});

describe("http", () => {
  test("status, headers, path, host and body", async () => {
    const seen: unknown[] = [];
    await using server = await listening(
      createHttp((request, response) => {
        seen.push([request.method, request.url, request.headers.host, request.headers["x-a"]]);
        response.statusCode = request.url === "/bad" ? 503 : 200;
        response.end(request.url === "/long" ? "x".repeat(200_000) : '{"status": "ok"}');
      }),
    );
    const ask = (own: Partial<HttpSettings>) => probeOnce({ ...http, ...own }, server.port);
    const answers = [
      await ask({}),
      await ask({ path: "/bad" }),
      await ask({ path: "/bad", status: [{ first: 503, last: 503 }] }),
      await ask({ body: { contains: '"ok"' } }),
      await ask({ body: { contains: "down" } }),
      await ask({ body: { matches: 'status": *"ok' } }),
      await ask({ body: { matches: "^$" } }),
      await ask({ path: "/long", body: { contains: "y" } }),
      await ask({ method: "HEAD", host: "shop.example", headers: { "X-A": "b", "user-agent": "me" } }),
    ];
    expect(answers.map(({ outcome, reason }) => `${outcome}: ${reason}`)).toEqual([
      "good: HTTP 200 OK",
      "bad: HTTP 503 Service Unavailable",
      "good: HTTP 503 Service Unavailable",
      "good: HTTP 200 OK",
      'bad: HTTP 200 OK, and the body does not have "down"',
      "good: HTTP 200 OK",
      "bad: HTTP 200 OK, and the body does not match /^$/",
      'bad: HTTP 200 OK, and the body does not have "y"',
      "good: HTTP 200 OK",
    ]);
    expect(seen[0]).toEqual(["GET", "/health", `127.0.0.1:${server.port}`, undefined]);
    expect(seen.at(-1)).toEqual(["HEAD", "/health", "shop.example", "b"]);
  });

  test("https", async () => {
    await using server = await listening(createHttps(certificate(), (_request, response) => void response.end("ok")));
    const probe = { ...request, kind: "https", ...noTls, body: { contains: "ok" } } as const;
    expect(await probeOnce(probe, server.port)).toMatchObject({ outcome: "good", reason: "HTTP 200 OK" });
  });

  test("an expression that takes for ever holds nobody up", async () => {
    await using server = await listening(createHttp((_request, response) => void response.end(`${"a".repeat(5000)}!`)));
    const startedMs = performance.now();
    const said = await probeOnce({ ...http, body: { matches: "^(a+)+$" } }, server.port);
    expect(said).toMatchObject({ outcome: "bad" });
    expect(said.reason).toContain("takes /^(a+)+$/ more than 20 ms");
    expect(performance.now() - startedMs).toBeLessThan(5000);
  });
});

describe("dns", () => {
  const record = Buffer.from("c00c000100010000003c0004c0000201", "hex");
  const reply = (query: Buffer, flags: number, records: readonly Buffer[]) => {
    const header = Buffer.from(query.subarray(0, 12));
    header.writeUInt16BE(flags, 2);
    header.writeUInt16BE(records.length, 6);
    return Buffer.concat([header, query.subarray(12), ...records]);
  };

  test("an answer, its record, another code, another id", async () => {
    let mode = "good";
    await using server = await listeningUdp((query, send) => {
      if (mode === "good") send(reply(query, 0x8180, [record]));
      if (mode === "empty") send(reply(query, 0x8180, []));
      if (mode === "missing") send(reply(query, 0x8183, []));
      if (mode === "other")
        send(Buffer.concat([Buffer.of(query[0] === 0 ? 1 : 0), reply(query, 0x8180, [record]).subarray(1)]));
    });
    const ask = (now: string, own: Partial<DnsProbe> = {}) => {
      mode = now;
      return probeOnce({ ...dnsName, ...own }, server.port, { timeoutMs: 400 });
    };
    const answers = [
      await ask("good"),
      await ask("good", { answer: "192.0.2.1" }),
      await ask("good", { answer: "192.0.2.2" }),
      await ask("empty"),
      await ask("missing"),
      await ask("missing", { rcode: "NXDOMAIN" }),
      await ask("other"),
      await ask("silent"),
    ];
    expect(answers.map(({ outcome, reason }) => `${outcome}: ${reason}`)).toEqual([
      "good: NOERROR: 192.0.2.1",
      "good: NOERROR: 192.0.2.1",
      "bad: NOERROR: 192.0.2.1, not 192.0.2.2",
      "bad: NOERROR, and no record",
      "bad: NXDOMAIN",
      "good: NXDOMAIN: no record",
      "bad: timed out after 400 ms: 1 datagrams, none of them an answer",
      "bad: timed out after 400 ms: no answer",
    ]);
  });
});

describe("udp", () => {
  test("what comes back, what does not, and who refuses", async () => {
    await using server = await listeningUdp((message, send) => {
      if (message.toString() === "ping") send(Buffer.from("pong 1"));
    });
    const send = Buffer.from("ping").toString("hex");
    const closed = createSocket("udp4").bind(0, "127.0.0.1");
    await new Promise((resolve) => closed.once("listening", resolve));
    const { port } = closed.address();
    await new Promise<void>((resolve) => void closed.close(() => resolve()));
    const answers = await Promise.all([
      probeOnce({ kind: "udp", send, expect: { matches: "^pong \\d$" } }, server.port),
      probeOnce({ kind: "udp", send, expect: { contains: "nothing" } }, server.port),
      probeOnce({ kind: "udp", send: "00", expect: { contains: "x" } }, server.port, { timeoutMs: 400 }),
      probeOnce({ kind: "udp", send: "00", expect: undefined }, server.port, { timeoutMs: 400 }),
      probeOnce({ kind: "udp", send: "00", expect: undefined }, port, { timeoutMs: 3000 }),
    ]);
    expect(answers.map(({ outcome, reason }) => `${outcome}: ${reason}`)).toEqual([
      "good: 6 bytes",
      'bad: 6 bytes: it does not have "nothing"',
      "bad: timed out after 400 ms: no answer",
      "good: sent; nobody refused it",
      "bad: recvmsg ECONNREFUSED",
    ]);
  });
});

describe("grpc", () => {
  const serve = (stream: ServerHttp2Stream, status: number, code = "0") => {
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": code }));
    stream.end(Buffer.of(0, 0, 0, 0, 2, 8, status));
  };

  test("SERVING, NOT_SERVING, a service that is not known, a server of another kind", async () => {
    const asked: string[] = [];
    const server = createHttp2();
    server.on("stream", (stream, headers) => {
      asked.push(`${headers[":method"]} ${headers[":path"]} ${headers["content-type"]}`);
      let body = Buffer.alloc(0);
      stream.on("error", () => undefined);
      stream.on("data", (bytes: Buffer) => (body = Buffer.concat([body, bytes])));
      stream.on("end", () => {
        const name = body.subarray(7).toString();
        if (name === "unknown") stream.respond({ ":status": 200, "grpc-status": "5" }, { endStream: true });
        else serve(stream, name === "sick" ? 2 : 1);
      });
    });
    await using grpc = await listening(server);
    await using web = await listening(createHttp((_request, response) => void response.end()));
    const ask = (service: string, port = grpc.port) =>
      probeOnce({ kind: "grpc", service, tls: false, ...noTls }, port, { timeoutMs: 2000 });
    const answers = [await ask(""), await ask("sick"), await ask("unknown"), await ask("", web.port)];
    expect(answers.map(({ outcome }) => outcome)).toEqual(["good", "bad", "bad", "bad"]);
    expect(answers.slice(0, 3).map(({ reason }) => reason)).toEqual(["SERVING", "NOT_SERVING", "grpc-status 5"]);
    expect(asked[0]).toBe("POST /grpc.health.v1.Health/Check application/grpc");
  });
});

/** Processes of a group that are more than an entry in a table: proc_pid_stat(5). */
function livingOf(group: string): readonly string[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        const [state, , itsGroup] = readFileSync(`/proc/${pid}/stat`, "latin1")
          .replace(/^.*\) /, "")
          .split(" ");
        return itsGroup === group && state !== "Z" && state !== "X";
      } catch {
        return false;
      }
    });
}

describe("command", () => {
  const run = (script: string, timeoutMs = 3000) =>
    probeOnce({ kind: "command", command: ["/bin/sh", "-c", script] }, 8080, { timeoutMs });

  test("its status, what it says, and what it is told", async () => {
    const said = [
      await run("exit 0"),
      await run("echo broken; exit 3"),
      await run('echo "$YARDMASTER_ADDRESS $YARDMASTER_PORT $HOME"'),
      await probeOnce({ kind: "command", command: ["/nonexistent"] }, 1),
    ];
    expect(said.map(({ outcome, reason }) => `${outcome}: ${reason}`)).toEqual([
      "good: status 0",
      "bad: status 3: broken",
      "good: status 0: 127.0.0.1 8080",
      "unknown: spawn /nonexistent ENOENT",
    ]);
  });

  test("that does not end is killed with all that it started", async () => {
    const said = await run("sleep 1000 & sleep 1000 & echo $$ > /tmp/yardmaster-check-$PPID; sleep 1000", 500);
    expect(said.reason).toBe("timed out after 500 ms: the command did not end");
    const note = `/tmp/yardmaster-check-${process.pid}`;
    const leader = readFileSync(note, "utf8").trim();
    rmSync(note);
    await expect.poll(() => livingOf(leader)).toEqual([]);
  });

  test("that floods, or leaves something behind, is bounded", async () => {
    const said = await Promise.all([run("yes & yes >&2 & yes", 500), run("sleep 1000 & exit 0")]);
    expect(said.map(({ outcome }) => outcome)).toEqual(["bad", "good"]);
  });
});
