// gRPC checks: grpc.health.v1.Health/Check (github.com/grpc/grpc, doc/health-checking.md) over HTTP/2, by Node's
// client.
import { type ClientHttp2Session, connect, constants } from "node:http2";
import type { Probe } from "../model/check.ts";
import { endpointText } from "../address.ts";
import { type Answer, bad, type Begin, failed, good } from "./exchange.ts";
import { openStream, openTls } from "./stream.ts";

type GrpcProbe = Extract<Probe, { readonly kind: "grpc" }>;

/** HealthCheckResponse.ServingStatus. */
const servingStatus = ["UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"] as const;
const SERVING = 1;
/** A prefix, a tag and a status; what is longer is not what was asked for. */
const LONGEST_MESSAGE = 64;
/** Of Node's session, in megabytes: the smallest there is. */
const SESSION_MEMORY = 1;

/** A gRPC check: the answer is SERVING. */
export function grpc(probe: GrpcProbe): Begin {
  const request = healthRequest(probe.service);
  return (target, done) => {
    let session: ClientHttp2Session | undefined;
    const authority = probe.serverName ?? endpointText(target.address, target.port);
    const handlers = {
      done,
      ready: () => (session = ask(request, done, { socket: () => stream.socket, authority, probe })),
    };
    const stream = probe.tls ? openTls(target, probe, handlers, ["h2"]) : openStream(target, handlers);
    return {
      close: () => {
        session?.destroy();
        // No reset: the session has the socket's handle, and Node would not close what it cannot reset.
        stream.socket.destroy();
      },
      waitingFor: () => stream.waitingFor(),
    };
  };
}

interface Asked {
  readonly socket: () => ReturnType<typeof openStream>["socket"];
  readonly authority: string;
  readonly probe: GrpcProbe;
}

function ask(request: Buffer, done: (answer: Answer) => void, { socket, authority, probe }: Asked): ClientHttp2Session {
  const session = connect(`${probe.tls ? "https" : "http"}://${authority}`, {
    createConnection: socket,
    settings: { enablePush: false },
    maxSessionMemory: SESSION_MEMORY,
    maxHeaderListPairs: 64,
  });
  session.on("error", (error) => done(failed(error)));
  session.once("goaway", (code: number) => {
    // Without an error, what was asked is still answered (RFC 9113 §6.8).
    if (code !== constants.NGHTTP2_NO_ERROR) done(bad(`GOAWAY ${code}`));
  });
  session.once("close", () => done(bad("the server ended the HTTP/2 session")));
  const stream = session.request({
    [constants.HTTP2_HEADER_METHOD]: "POST",
    [constants.HTTP2_HEADER_PATH]: "/grpc.health.v1.Health/Check",
    "content-type": "application/grpc",
    te: "trailers",
    "user-agent": "yardmaster",
  });
  let status: number | undefined;
  let trailer: { readonly code: string; readonly message: string } | undefined;
  let message = Buffer.alloc(0);
  const readTrailer = (headers: Readonly<Record<string, unknown>>) => {
    const code = headers["grpc-status"];
    const text = headers["grpc-message"];
    if (typeof code === "string") trailer = { code, message: typeof text === "string" ? text : "" };
  };
  stream.on("error", (error) => done(failed(error)));
  stream.on("response", (headers) => {
    status = headers[":status"];
    // An error may come with headers only.
    readTrailer(headers);
  });
  stream.on("trailers", readTrailer);
  stream.on("data", (bytes: Buffer) => {
    message = Buffer.concat([message, bytes]);
    if (message.length > LONGEST_MESSAGE) done(bad(`a message longer than ${LONGEST_MESSAGE} bytes`));
  });
  stream.once("end", () => done(answerOf(status, trailer, message)));
  stream.end(request);
  return session;
}

function answerOf(
  status: number | undefined,
  trailer: { readonly code: string; readonly message: string } | undefined,
  message: Buffer,
): Answer {
  if (status !== 200) return bad(`HTTP ${status ?? "without status"}`);
  if (trailer === undefined) return bad("no grpc-status");
  if (trailer.code !== "0") return bad(`grpc-status ${trailer.code} ${trailer.message}`.trim());
  const serving = readHealthResponse(message);
  if (serving === undefined) return bad("no HealthCheckResponse");
  const text = servingStatus[serving] ?? `status ${serving}`;
  return serving === SERVING ? good(text) : bad(text);
}

/** HealthCheckRequest { string service = 1; }, length-prefixed (doc/PROTOCOL-HTTP2.md). */
function healthRequest(service: string): Buffer {
  const name = Buffer.from(service);
  const field = name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.of(0x0a, ...varint(name.length)), name]);
  const prefix = Buffer.alloc(5);
  prefix.writeUInt32BE(field.length, 1);
  return Buffer.concat([prefix, field]);
}

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...varint(value >>> 7)];
}

/** The status of HealthCheckResponse { ServingStatus status = 1; }; undefined: it is none. */
export function readHealthResponse(message: Buffer): number | undefined {
  if (message.length < 5 || message[0] !== 0 || message.readUInt32BE(1) !== message.length - 5) return undefined;
  const [tag, value] = message.subarray(5);
  // The default is not written (protobuf's encoding).
  if (tag === undefined) return 0;
  return message.length === 7 && tag === 0x08 ? value : undefined;
}
