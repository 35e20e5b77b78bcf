// A small typed client of the director's API, over its Unix socket.
import { request } from "node:http";
import { DirectorError } from "../errors.ts";
import type { CheckList, CheckStatus, ConnectionList, ConnectionRow, DirectorStatus, Problem } from "./types.ts";

/** What can be asked of a running director. Errors are DirectorErrors with YM_API_… codes. */
export interface DirectorClient {
  status(): Promise<DirectorStatus>;
  connections(limit: number): Promise<readonly ConnectionRow[]>;
  checks(): Promise<readonly CheckStatus[]>;
}

/** A client of the director that answers at a Unix socket; each question takes at most `timeoutMs` (default 10 s). */
export function createClient(socketPath: string, options: { readonly timeoutMs?: number } = {}): DirectorClient {
  const timeoutMs = options.timeoutMs ?? 10_000;
  return {
    status: async () => (await get(socketPath, "/v1/status", timeoutMs)) as DirectorStatus,
    connections: async (limit) => {
      const list = (await get(socketPath, `/v1/connections?limit=${limit}`, timeoutMs)) as ConnectionList;
      return list.connections;
    },
    checks: async () => ((await get(socketPath, "/v1/checks", timeoutMs)) as CheckList).checks,
  };
}

async function get(socketPath: string, path: string, timeoutMs: number): Promise<unknown> {
  const answer = await exchange(socketPath, path, timeoutMs);
  let body: unknown;
  try {
    body = JSON.parse(answer.text);
  } catch (cause) {
    const message = `asking ${socketPath} for ${path}: the answer is no JSON (status ${answer.status})`;
    throw new DirectorError("YM_API_ANSWER", message, { hint: "something else than a director answers there", cause });
  }
  if (answer.status === 200) return body;
  const { detail, code } = body as Partial<Problem>;
  const message = `asking ${socketPath} for ${path}: ${detail ?? `status ${answer.status}`}`;
  throw new DirectorError(code ?? "YM_API_ANSWER", message);
}

interface Answer {
  readonly status: number;
  readonly text: string;
}

function exchange(socketPath: string, path: string, timeoutMs: number): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const fail = (cause: Error) => reject(explain(cause, socketPath, signal.aborted ? timeoutMs : undefined));
    const exchangeRequest = request({ socketPath, path, agent: false, signal }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
      response.on("error", fail);
    });
    exchangeRequest.on("error", fail);
    exchangeRequest.end();
  });
}

function explain(cause: Error, socketPath: string, timedOutMs: number | undefined): DirectorError {
  const code = "code" in cause ? cause.code : undefined;
  if (timedOutMs !== undefined) {
    const message = `the director at ${socketPath} did not answer within ${timedOutMs} ms`;
    return new DirectorError("YM_API_TIMEOUT", message, { cause });
  }
  if (code === "ENOENT" || code === "ECONNREFUSED" || code === "ENOTDIR") {
    const hint = "start one with `yardmaster run -f FILE`, or name its socket with --socket";
    return new DirectorError("YM_API_UNREACHABLE", `no director answers at ${socketPath}`, { hint, cause });
  }
  if (code === "EACCES" || code === "EPERM") {
    const message = `no permission to ask the director at ${socketPath}`;
    return new DirectorError("YM_API_PERMISSION", message, { hint: "run this as root", cause });
  }
  return new DirectorError("YM_API_FAILED", `asking the director at ${socketPath}: ${cause.message}`, { cause });
}
