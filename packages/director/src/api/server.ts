// The API on its sockets: a Unix socket always, TCP where that is asked for. The socket of a director that died is
// replaced, that of a living one is respected.
import { chownSync, lstatSync, mkdirSync, unlinkSync } from "node:fs";
import type { Server } from "node:http";
import { Server as TlsServer } from "node:https";
import type { Socket } from "node:net";
import { dirname } from "node:path";
import { endpointText } from "../address.ts";
import { DirectorError } from "../errors.ts";
import type { Report } from "../log/report.ts";
import { Admission, type Limits } from "./admission.ts";
import { createClient } from "./client.ts";
import type { Credentials } from "./credentials.ts";
import { openEndpoint, type TcpApiOptions, type TcpEndpoint } from "./endpoint.ts";
import { type Fetch, gate } from "./gate.ts";
import { groupNumber } from "./group.ts";
import { closeServer, createHttpServer, listening } from "./http-server.ts";
import { createRoutes, type RoutesOptions } from "./routes.ts";

/** A listening API. */
export interface ApiServer extends AsyncDisposable {
  readonly socketPath: string;
  /** Where it listens on TCP: `https://192.0.2.1:9400`. */
  readonly url: string | undefined;
  /** Reads the files of tokens and certificates again; `cause` for the log: `SIGHUP`. */
  reread(cause: string): void;
  /** Ends open exchanges, stops listening and removes the socket. */
  close(): Promise<void>;
}

/** What an API server is made of. */
export interface ApiServerOptions extends RoutesOptions {
  readonly socketPath: string;
  /** Who may use the socket besides its owner: a group's name or number. Undefined: the owner's own. */
  readonly group?: string | undefined;
  /** Undefined: nobody is heard over TCP. */
  readonly tcp?: TcpApiOptions | undefined;
  readonly report?: Report;
  /** Instead of the usual ones, for all listeners. */
  readonly limits?: Limits;
}

/** Longest path of a Unix socket: sun_path without its final zero (include/uapi/linux/un.h). */
const maximumPathLength = 107;
const probeTimeoutMs = 2_000;
/** Between two looks at the files of tokens and certificates. */
const LOOK_MS = 5_000;
const BODY_BYTES = 32 * 1024 * 1024;
/** One asker: whoever has the socket. */
const socketLimits: Limits = { perSecond: 500, burst: 1000, atOnce: 64, bodyBytes: BODY_BYTES };
/** Of each address. */
const tcpLimits: Limits = { perSecond: 50, burst: 200, atOnce: 64, bodyBytes: BODY_BYTES };

/**
 * Serves the API at a Unix socket (mode 0660), making its directory if there is none, and on TCP. Throws a
 * DirectorError: YM_API_SOCKET, with the other director's pid, if one is alive there already, or if the path can't be
 * used; YM_API_GROUP; what openEndpoint throws. Nothing is open then.
 */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { socketPath, group, report = () => undefined, limits, events } = options;
  const endpoint = options.tcp && openEndpoint(options.tcp, report);
  const credentials = endpoint?.credentials;
  const routes = createRoutes({ ...options, certificateExpiresAtMs: () => credentials?.expiresAtMs });
  const fetch: Fetch = (request, environment) => routes.fetch(request, environment);
  const gid = group === undefined ? undefined : groupNumber(group);
  const local = createHttpServer(gate(fetch, { admission: new Admission(limits ?? socketLimits), report }));
  const opened = [local];
  const looking = setInterval(() => credentials?.look(), LOOK_MS).unref();
  const close = async (): Promise<void> => {
    clearInterval(looking);
    events?.close();
    await Promise.all(opened.map(closeServer));
  };
  try {
    await listenAtSocket(() => listening(local, () => bindSocket(() => local.listen(socketPath))), socketPath);
    if (gid !== undefined) giveToGroup(socketPath, gid);
    let url: string | undefined;
    if (endpoint !== undefined) {
      const admission = new Admission(limits ?? tcpLimits);
      const access = endpoint.credentials;
      const remote = createHttpServer(gate(fetch, { admission, access, report }), access.tls);
      follow(remote, access);
      opened.push(remote);
      url = await listenAtPort(remote, endpoint);
    }
    const reread = (cause: string) => credentials?.reread(cause);
    return { socketPath, url, reread, close, [Symbol.asyncDispose]: close };
  } catch (error) {
    await close();
    throw error;
  }
}

/** Has a listener go by what counts now: connections that were made by what counted before end with their answer. */
function follow(server: Server, credentials: Credentials): void {
  const answering = new Map<Socket, boolean>();
  const former = new WeakSet<Socket>();
  server.on(server instanceof TlsServer ? "secureConnection" : "connection", (socket: Socket) => {
    answering.set(socket, false);
    socket.once("close", () => answering.delete(socket));
  });
  server.on("request", ({ socket }, response) => {
    answering.set(socket, true);
    response.once("close", () => {
      if (former.has(socket)) socket.end();
      else if (answering.has(socket)) answering.set(socket, false);
    });
  });
  credentials.onChange(() => {
    if (server instanceof TlsServer && credentials.tls !== undefined) server.setSecureContext(credentials.tls);
    for (const [socket, isAnswering] of answering) {
      if (isAnswering) former.add(socket);
      else socket.destroy();
    }
  });
}

async function listenAtSocket(listen: () => Promise<void>, socketPath: string): Promise<void> {
  if (Buffer.byteLength(socketPath) > maximumPathLength) {
    const hint = "name a shorter one with --socket";
    throw new DirectorError("YM_API_SOCKET", `socket path ${socketPath} is longer than ${maximumPathLength} bytes`, {
      hint,
    });
  }
  try {
    await removeStaleSocket(socketPath);
    mkdirSync(dirname(socketPath), { recursive: true, mode: 0o755 });
    await listen();
  } catch (cause) {
    if (cause instanceof DirectorError) throw cause;
    const message = `listening at ${socketPath}: ${(cause as Error).message}`;
    throw new DirectorError("YM_API_SOCKET", message, { hint: "name another place with --socket", cause });
  }
}

/** The path is bound inside listen(), so that it never exists with other permissions than 0660. */
function bindSocket(listen: () => void): void {
  const before = process.umask(0o117);
  try {
    listen();
  } finally {
    process.umask(before);
  }
}

function giveToGroup(socketPath: string, gid: number): void {
  try {
    chownSync(socketPath, process.geteuid?.() ?? 0, gid);
  } catch (cause) {
    const message = `giving ${socketPath} to the group ${gid}: ${(cause as Error).message}`;
    const hint = "who is not root can give it to groups of their own only (systemd: SupplementaryGroups=)";
    throw new DirectorError("YM_API_GROUP", message, { hint, cause });
  }
}

/** Listens on TCP; returns the URL. */
async function listenAtPort(server: Server, { address, port, credentials: { tls } }: TcpEndpoint): Promise<string> {
  try {
    await listening(server, () => server.listen(port, address));
  } catch (cause) {
    const message = `listening at ${address}, port ${port}: ${(cause as Error).message}`;
    throw new DirectorError("YM_API_LISTEN", message, { hint: "name another address and port with --api", cause });
  }
  return `${tls === undefined ? "http" : "https"}://${endpointText(address, port)}`;
}

async function removeStaleSocket(socketPath: string): Promise<void> {
  const entry = lstatSync(socketPath, { throwIfNoEntry: false });
  if (entry === undefined) return;
  if (!entry.isSocket()) {
    const hint = "name another place with --socket, or remove it";
    throw new DirectorError("YM_API_SOCKET", `${socketPath} is there and is no socket`, { hint });
  }
  const owner = await findOwner(socketPath);
  if (owner !== undefined) {
    const hint = "stop it first, or give this one a socket of its own with --socket";
    throw new DirectorError("YM_API_SOCKET", `${owner} answers at ${socketPath} already`, { hint });
  }
  unlinkSync(socketPath);
}

/** Who listens at a socket, or undefined if nobody does. */
async function findOwner(socketPath: string): Promise<string | undefined> {
  try {
    const { pid } = await createClient(socketPath, { timeoutMs: probeTimeoutMs }).status();
    return `a director with pid ${pid}`;
  } catch (cause) {
    const isDead = cause instanceof DirectorError && cause.code === "YM_API_UNREACHABLE";
    return isDead ? undefined : "another process";
  }
}
