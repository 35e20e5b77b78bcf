// The API on its Unix socket. The socket of a director that died is replaced, that of a living one is respected.
import { lstatSync, mkdirSync, unlinkSync } from "node:fs";
import type { Server } from "node:http";
import { dirname } from "node:path";
import { createAdaptorServer } from "@hono/node-server";
import { DirectorError } from "../errors.ts";
import type { Keeper } from "../change/keeper.ts";
import { createClient } from "./client.ts";
import { createRoutes } from "./routes.ts";
import type { SnapshotSource } from "./snapshot-source.ts";

/** A listening API. */
export interface ApiServer extends AsyncDisposable {
  readonly socketPath: string;
  /** Ends open exchanges, stops listening and removes the socket. */
  close(): Promise<void>;
}

/** What an API server is made of. */
export interface ApiServerOptions {
  readonly socketPath: string;
  readonly source: SnapshotSource;
  /** Who keeps the configuration; without, nothing can be changed. */
  readonly keeper?: () => Keeper;
}

/** Longest path of a Unix socket: sun_path without its final zero (include/uapi/linux/un.h). */
const maximumPathLength = 107;
const probeTimeoutMs = 2_000;

/**
 * Serves the API at a Unix socket (mode 0660), making its directory if there is none. Throws DirectorError
 * YM_API_SOCKET, with the other director's pid, if one is alive there already, or if the path can't be used.
 */
export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const { socketPath, source, keeper } = options;
  if (Buffer.byteLength(socketPath) > maximumPathLength) {
    const hint = "name a shorter one with --socket";
    throw new DirectorError("YM_API_SOCKET", `socket path ${socketPath} is longer than ${maximumPathLength} bytes`, {
      hint,
    });
  }
  const server = createAdaptorServer({ fetch: createRoutes(source, keeper).fetch }) as Server;
  try {
    await removeStaleSocket(socketPath);
    mkdirSync(dirname(socketPath), { recursive: true, mode: 0o755 });
    await listen(server, socketPath);
  } catch (cause) {
    if (cause instanceof DirectorError) throw cause;
    const message = `listening at ${socketPath}: ${(cause as Error).message}`;
    throw new DirectorError("YM_API_SOCKET", message, { hint: "name another place with --socket", cause });
  }
  const close = () =>
    new Promise<void>((resolve) => {
      // Closing a listening Unix socket removes its path; closing twice does no harm.
      server.close(() => resolve());
      server.closeAllConnections();
    });
  return { socketPath, close, [Symbol.asyncDispose]: close };
}

function listen(server: Server, socketPath: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.once("listening", () => {
      server.off("error", reject);
      resolve();
    });
    // The path is bound inside listen(), so that it never exists with other permissions.
    const before = process.umask(0o117);
    try {
      server.listen(socketPath);
    } finally {
      process.umask(before);
    }
  });
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
