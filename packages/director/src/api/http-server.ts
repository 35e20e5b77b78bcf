// An HTTP server for the API with bounds on what one peer can hold: headers, time, connections. What is no HTTP gets a
// problem document, too.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { createServer as createTlsServer } from "node:https";
import type { Duplex } from "node:stream";
import type { TlsOptions } from "node:tls";
import { getRequestListener } from "@hono/node-server";
import type { Fetch, RequestEnvironment } from "./gate.ts";
import { problem } from "./problem.ts";

/** How long a peer may take, in milliseconds. */
export interface Patience {
  readonly headersMs: number;
  /** With its body. */
  readonly requestMs: number;
  /** How often these two are looked at. */
  readonly lookMs: number;
  /** Nothing is read or written meanwhile. */
  readonly silenceMs: number;
}

const usualPatience: Patience = { headersMs: 10_000, requestMs: 60_000, lookMs: 5_000, silenceMs: 60_000 };
const KEEP_ALIVE_MS = 5_000;
const MOST_CONNECTIONS = 256;
const HEADER_BYTES = 16 * 1024;
const MOST_HEADERS = 64;

/** A server that does not listen yet. */
export function createHttpServer(fetch: Fetch, tls?: TlsOptions, patience: Patience = usualPatience): Server {
  const { headersMs, requestMs, lookMs, silenceMs } = patience;
  const answer = getRequestListener(
    (request, environment) => fetch(request, environment as unknown as RequestEnvironment),
    // What the adaptor cannot make a request of, such as one with a host that is none.
    { errorHandler: (error) => notUnderstood(400, "Bad Request", (error as Error).message) },
  );
  const listener = (incoming: IncomingMessage, outgoing: ServerResponse): void => void answer(incoming, outgoing);
  const bounds = {
    ...{ headersTimeout: headersMs, requestTimeout: requestMs, connectionsCheckingInterval: lookMs },
    ...{ keepAliveTimeout: KEEP_ALIVE_MS, maxHeaderSize: HEADER_BYTES },
  };
  const server =
    tls === undefined
      ? createServer(bounds, listener)
      : createTlsServer({ ...bounds, handshakeTimeout: headersMs, ...tls }, listener);
  server.maxHeadersCount = MOST_HEADERS;
  server.maxConnections = MOST_CONNECTIONS;
  server.timeout = silenceMs;
  server.on("clientError", (error: NodeJS.ErrnoException, socket) => void answerClientError(error, socket));
  return server;
}

/** Listens, and resolves as soon as it does; `bind` calls listen(). */
export function listening(server: Server, bind: () => void): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.once("listening", () => {
      server.off("error", reject);
      resolve();
    });
    bind();
  });
}

/** Ends what is open and stops listening. Doing so twice does no harm. */
export function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

async function answerClientError(error: NodeJS.ErrnoException, socket: Duplex): Promise<void> {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const response = responseTo(error);
  const body = await response.text();
  const head = [
    `HTTP/1.1 ${response.status} ${titleOf(response.status)}`,
    `content-type: ${response.headers.get("content-type")}`,
    `content-length: ${Buffer.byteLength(body)}`,
    "connection: close",
  ];
  socket.end(`${head.join("\r\n")}\r\n\r\n${body}`);
}

const titles: Readonly<Record<number, string>> = {
  400: "Bad Request",
  408: "Request Timeout",
  431: "Request Header Fields Too Large",
};

function titleOf(status: number): string {
  return titles[status] ?? "Bad Request";
}

function responseTo({ code, message }: NodeJS.ErrnoException): Response {
  const status = code === "HPE_HEADER_OVERFLOW" ? 431 : code === "ERR_HTTP_REQUEST_TIMEOUT" ? 408 : 400;
  return notUnderstood(status, titleOf(status), message);
}

function notUnderstood(status: number, title: string, detail: string): Response {
  return problem({ status, title, detail: `this is no request that is understood: ${detail}`, code: "YM_API_REQUEST" });
}
