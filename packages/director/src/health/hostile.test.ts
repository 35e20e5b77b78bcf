// Whatever a server sends: every check ends, within its time, with a reason that can be shown, and leaves nothing open.
import { createServer, type Socket } from "node:net";
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { answerWith, listening, listeningUdp, openResources, probeOnce } from "../../test/health/servers.ts";
import type { HttpSettings, Probe } from "../model/check.ts";
import { dnsQuery, readDnsResponse } from "./dns-message.ts";
import { readHealthResponse } from "./grpc.ts";
import { HttpResponse, longestBody } from "./http-response.ts";

const noTls = { serverName: undefined, verify: false } as const;
const settings: HttpSettings = {
  ...{ method: "GET", path: "/", host: undefined, headers: {}, body: { contains: "never there" } },
  status: [{ first: 200, last: 299 }],
};
const http: Probe = { kind: "http", ...settings };
const streamProbes: readonly Probe[] = [
  http,
  { kind: "https", ...settings, ...noTls },
  { kind: "tls", ...noTls },
  { kind: "grpc", service: "", tls: false, ...noTls },
  { kind: "grpc", service: "", tls: true, ...noTls },
];
const dns: Probe = { kind: "dns", name: "example.org", type: "A", rcode: "NOERROR", answer: undefined };

let opened = openResources();
afterEach(async () => {
  expect(await opened.left()).toEqual([]);
  opened = openResources();
});

/** Sends without end, as fast as it is taken. */
function flood(socket: Socket, head: string, part: string): void {
  answerWith(socket, head);
  const more = (): void => {
    for (let at = 0; at < 64; at++) if (!socket.write(part)) return void socket.once("drain", more);
    setImmediate(more);
  };
  more();
}

describe("hostile HTTP", () => {
  const frame = (type: number, flags: number, stream: number, payload: Buffer) => {
    const head = Buffer.alloc(9);
    head.writeUIntBE(payload.length, 0, 3);
    head.writeUInt8(type, 3);
    head.writeUInt8(flags, 4);
    head.writeUInt32BE(stream, 5);
    return Buffer.concat([head, payload]);
  };
  const servers: Readonly<Record<string, { readonly serve: (socket: Socket) => void; readonly says: RegExp }>> = {
    "headers without end": {
      serve: (socket) => flood(socket, "HTTP/1.1 200 OK\r\n", `X-A: ${"a".repeat(1000)}\r\n`),
      says: /head is longer than 65536 bytes/,
    },
    "a header line without end": {
      serve: (socket) => flood(socket, "HTTP/1.1 200 OK\r\nX-A: ", "a".repeat(4096)),
      says: /head is longer/,
    },
    "a body without end": {
      serve: (socket) => flood(socket, "HTTP/1.1 200 OK\r\n\r\n", "b".repeat(4096)),
      says: /HTTP 200 OK, and the body does not have "never there"/,
    },
    "chunks without end": {
      serve: (socket) => flood(socket, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "1\r\nx\r\n"),
      says: /HTTP 200 OK, and the body does not have/,
    },
    "a chunk that lies": {
      serve: (socket) => answerWith(socket, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n"),
      says: /a chunk without length/,
    },
    "a length that is none": {
      serve: (socket) => answerWith(socket, "HTTP/1.1 200 OK\r\nContent-Length: 9e9\r\n\r\n"),
      says: /content-length "9e9" is no number/,
    },
    "a length that is not reached": {
      serve: (socket) => void socket.end("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort"),
      says: /closed the connection before the body was complete/,
    },
    "interim answers without end": {
      serve: (socket) => flood(socket, "", "HTTP/1.1 100 Continue\r\n\r\n"),
      says: /more than 10 interim answers/,
    },
    "another protocol": {
      serve: (socket) => answerWith(socket, "SSH-2.0-OpenSSH_9.2\r\n"),
      says: /not HTTP\/1: "SSH-2.0-OpenSSH_9.2"/,
    },
    "escape sequences": {
      serve: (socket) => answerWith(socket, "HTTP/1.1 500 \u001b[2J\u0007gone\r\n\r\n"),
      says: /^HTTP 500 {2}\[2J gone$/,
    },
    "a slow drip": {
      serve: (socket) => {
        answerWith(socket, "");
        const drip = setInterval(() => socket.write("H"), 10);
        socket.once("close", () => clearInterval(drip));
      },
      says: /not HTTP\/1|timed out/,
    },
    "a slow drip of a good answer": {
      serve: (socket) => {
        answerWith(socket, "HTTP/1.1 200 OK\r\n\r\n");
        const drip = setInterval(() => socket.write("x"), 10);
        socket.once("close", () => clearInterval(drip));
      },
      says: /timed out after 700 ms/,
    },
    "an end at once": { serve: (socket) => void socket.end(), says: /closed the connection before/ },
  };
  test.each(Object.entries(servers))("%s", async (_name, { serve, says }) => {
    await using server = await listening(createServer(serve));
    // Only what waits for the time limit gets a short one: a busy machine is slow to read what is without end.
    const timeoutMs = says.test("timed out after 700 ms") ? 700 : 20_000;
    const said = await probeOnce(http, server.port, { timeoutMs });
    expect(said.outcome).toBe("bad");
    expect(said.reason).toMatch(says);
    expect(said.reason).not.toMatch(/\p{Cc}/u);
  });

  test("HTTP/2 that is none: wrong frames, settings and pings without end", async () => {
    const settingsFrame = frame(4, 0, 0, Buffer.alloc(0));
    const sends: readonly ((socket: Socket) => void)[] = [
      (socket) => answerWith(socket, Buffer.alloc(1000, 0xff)),
      (socket) => answerWith(socket, frame(0, 0, 0, Buffer.alloc(10))),
      (socket) => answerWith(socket, Buffer.concat([settingsFrame, frame(1, 4, 1, Buffer.from("ffffffff", "hex"))])),
      (socket) => answerWith(socket, Buffer.concat([settingsFrame, frame(7, 0, 0, Buffer.alloc(8))])),
      (socket) => flood(socket, "", settingsFrame.toString("latin1")),
      (socket) => flood(socket, settingsFrame.toString("latin1"), frame(6, 0, 0, Buffer.alloc(8)).toString("latin1")),
      (socket) => flood(socket, settingsFrame.toString("latin1"), frame(9, 0, 1, Buffer.alloc(100)).toString("latin1")),
    ];
    for (const serve of sends) {
      await using server = await listening(createServer(serve));
      const said = await probeOnce({ kind: "grpc", service: "", tls: false, ...noTls }, server.port, {
        timeoutMs: 700,
      });
      expect(said.outcome).not.toBe("good");
    }
  });

  test("any bytes at all, cut anywhere", async () => {
    let next: Uint8Array = Buffer.alloc(0);
    await using server = await listening(
      createServer((socket) => {
        answerWith(socket, next);
        socket.end();
      }),
    );
    const starts = [
      "HTTP/1.1 200 OK\r\n\r\n",
      "HTTP/1.1 ",
      "\u0016\u0003\u0003\u0000\u007a\u0002",
      "\0\0\0\u0004\0\0\0\0\0",
      "",
    ];
    const bytes = fc.tuple(fc.constantFrom(...starts), fc.uint8Array({ maxLength: 200 }));
    await fc.assert(
      fc.asyncProperty(bytes, fc.constantFrom(...streamProbes), async ([start, rest], probe) => {
        next = Buffer.concat([Buffer.from(start, "latin1"), rest]);
        const said = await probeOnce(probe, server.port, { timeoutMs: 1000 });
        expect(said.outcome).not.toBe("good");
        expect(said.reason).not.toMatch(/\p{Cc}/u);
      }),
      { numRuns: 60 },
    );
  });

  test("the same bytes come to the same answer, however they are cut", () => {
    const pieces = fc.constantFrom(
      "HTTP/1.1 200 OK\r\n",
      "A: b\r\n",
      "\r\n",
      "3\r\nabc\r\n",
      "0\r\n\r\n",
      "Content-Length: 3\r\n",
    );
    const text = fc.array(
      fc.oneof(pieces, fc.constant("Transfer-Encoding: chunked\r\n"), fc.string({ maxLength: 5 })),
      {
        maxLength: 12,
      },
    );
    fc.assert(
      fc.property(text, fc.array(fc.nat(80), { maxLength: 8 }), (parts, cuts) => {
        const bytes = Buffer.from(parts.join(""), "latin1");
        const whole = read([bytes]);
        const at = [0, ...cuts.filter((cut) => cut <= bytes.length).toSorted((a, b) => a - b), bytes.length];
        expect(read(at.slice(1).map((end, index) => bytes.subarray(at[index], end)))).toEqual(whole);
      }),
      { numRuns: 500 },
    );
  });

  test("no more of a body is kept than is looked at", () => {
    const response = new HttpResponse({ hasBody: true });
    response.push(Buffer.from("HTTP/1.1 200 OK\r\n\r\n"));
    let last = response.push(Buffer.alloc(50_000, 0x61));
    expect(last.state).toBe("head");
    last = response.push(Buffer.alloc(50_000, 0x61));
    expect(last).toMatchObject({ state: "complete" });
    expect("body" in last && last.body.length).toBe(longestBody);
  });
});

/** What a response comes to that arrives in these pieces: the first answer that is final, as a check takes it. */
function read(pieces: readonly Buffer[]): unknown {
  const response = new HttpResponse({ hasBody: true });
  for (const piece of pieces) {
    if (piece.length === 0) continue;
    const said = response.push(piece);
    if (said.state === "complete" || said.state === "invalid") return said.state;
  }
  return response.end().state;
}

describe("hostile datagrams", () => {
  test("DNS garbage is not listened to", async () => {
    const garbage: Uint8Array[] = [];
    await using server = await listeningUdp((query, send) => {
      for (const bytes of garbage) send(Buffer.concat([query.subarray(0, 2), bytes]));
    });
    const flagged = fc.uint8Array({ maxLength: 60 }).map((rest) => Buffer.concat([Buffer.of(0x81, 0x80), rest]));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.oneof(fc.uint8Array({ maxLength: 60 }), flagged), { maxLength: 5 }),
        async (sent) => {
          garbage.splice(0, garbage.length, ...sent);
          const said = await probeOnce(dns, server.port, { timeoutMs: 50 });
          expect(said.outcome).not.toBe("good");
        },
      ),
      { numRuns: 15 },
    );
  });

  test("any bytes are a DNS response or none, and nothing else happens", () => {
    const query = dnsQuery(7, "example.org", "A");
    const header = Buffer.from("00078180000100040000000000", "hex").subarray(0, 12);
    const pointers = Buffer.from("c00cc00ec010c012c00c", "hex");
    const answers = fc.uint8Array({ maxLength: 120 });
    fc.assert(
      fc.property(answers, fc.boolean(), (bytes, isPointed) => {
        const tail = isPointed ? Buffer.concat([pointers, bytes]) : Buffer.from(bytes);
        for (const whole of [Buffer.from(bytes), Buffer.concat([header, query.subarray(12), tail])]) {
          const response = readDnsResponse(whole);
          if (response !== undefined) expect(response.answers.length).toBeLessThanOrEqual(100);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test("a name that points to itself, forward, or round and round is none", () => {
    for (const name of ["c00c", "c01e", "01610162c00c", "ff"]) {
      const bytes = Buffer.concat([
        Buffer.from("000781800001000000000000", "hex"),
        Buffer.from(`${name}00010001`, "hex"),
      ]);
      expect(readDnsResponse(bytes)).toBeUndefined();
    }
  });

  test("a health response is one or none", () => {
    expect(readHealthResponse(Buffer.of(0, 0, 0, 0, 2, 8, 1))).toBe(1);
    expect(readHealthResponse(Buffer.of(0, 0, 0, 0, 0))).toBe(0);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 20 }), (bytes) => {
        const read = readHealthResponse(Buffer.from(bytes));
        if (read !== undefined) expect(bytes[0]).toBe(0);
      }),
    );
  });
});

test("a UDP answer of any bytes is searched as it is", async () => {
  await using server = await listeningUdp((_message, send) => send(Buffer.alloc(1400, 0xfe)));
  const said = await probeOnce({ kind: "udp", send: "", expect: { contains: "x" } }, server.port);
  expect(said).toMatchObject({ outcome: "bad", reason: '1400 bytes: it does not have "x"' });
});
