// A small typed client of the director's API, over its Unix socket.
import { type IncomingMessage, request } from "node:http";
import { setTimeout as sleep } from "node:timers/promises";
import type { MadeChange, PlannedChange } from "../change/planned-change.ts";
import { ConfigurationError } from "../config/fault.ts";
import { DirectorError } from "../errors.ts";
import type { CheckList, CheckStatus, ConnectionList, ConnectionRow, DirectorStatus, Problem } from "./types.ts";

/** What can be asked of a running director. Errors are DirectorErrors with YM_API_… codes. */
export interface DirectorClient {
  status(): Promise<DirectorStatus>;
  connections(limit: number): Promise<readonly ConnectionRow[]>;
  /** The same, row by row as they come: however many there are, few are held. `timeoutMs` is for each piece. */
  eachConnection(limit: number): AsyncIterable<ConnectionRow>;
  checks(): Promise<readonly CheckStatus[]>;
  /** The file for what runs, as YAML, and its revision. */
  configuration(): Promise<{ readonly text: string; readonly revision: string }>;
  /** What a text would change. Throws ConfigurationError with all faults of it. */
  plan(text: string): Promise<PlannedChange>;
  /** Makes a text the configuration. */
  apply(text: string, options?: ApplyOptions): Promise<MadeChange>;
  confirm(): Promise<void>;
  /** Marks what is counted now, of the service of a name or of all. */
  zeroCounters(service?: string): Promise<void>;
  /** Takes the change that waits to be confirmed back. */
  rollBack(): Promise<MadeChange>;
  /** Of the configuration that runs. */
  revision(): Promise<string>;
  /** Has the director end; returns its pid. Packets go on without it. */
  stop(): Promise<number>;
  /** Changes one thing: `POST`, `PATCH` or `DELETE` of a path below `/v1/services`. */
  change(method: "POST" | "PATCH" | "DELETE", path: string, fields?: object): Promise<MadeChange>;
}

/** How a configuration is made. */
export interface ApplyOptions {
  /** `60s`: until that has passed, unless it is confirmed. */
  readonly confirm?: string | undefined;
  /** Only in the place of this one, else YM_CHANGE_REVISION. Absent: in the place of any. */
  readonly revision?: string;
}

/** Changing a large configuration takes a while. */
const CHANGE_TIMEOUT_MS = 120_000;
/** Who is asked to come again does so. */
const MOST_RETRIES = 5;
const MOST_RETRY_SECONDS = 5;

/** A client of the director that answers at a Unix socket; each question takes at most `timeoutMs` (default 10 s). */
export function createClient(socketPath: string, options: { readonly timeoutMs?: number } = {}): DirectorClient {
  const timeoutMs = options.timeoutMs ?? 10_000;
  const changing = { socketPath, timeoutMs: options.timeoutMs ?? CHANGE_TIMEOUT_MS };
  const get = (path: string) => askJson({ socketPath, path, timeoutMs });
  return {
    status: async () => (await get("/v1/status")) as DirectorStatus,
    connections: async (limit) => ((await get(`/v1/connections?limit=${limit}`)) as ConnectionList).connections,
    eachConnection: (limit) =>
      askLines<ConnectionRow>({ socketPath, path: `/v1/connections?limit=${limit}`, timeoutMs }),
    configuration: async () => {
      const { text, revision } = await ask({ socketPath, path: "/v1/configuration", timeoutMs });
      return { text, revision };
    },
    checks: async () => ((await get("/v1/checks")) as CheckList).checks,
    plan: async (body) => (await askJson({ ...changing, method: "POST", path: "/v1/plan", body })) as PlannedChange,
    apply: async (body, { confirm, revision } = {}) => {
      const path = `/v1/configuration${confirm === undefined ? "" : `?confirm=${encodeURIComponent(confirm)}`}`;
      return (await askJson({ ...changing, method: "PUT", path, body, revision })) as MadeChange;
    },
    revision: async () => (await ask({ socketPath, path: "/v1/configuration", method: "HEAD", timeoutMs })).revision,
    stop: async () => {
      const { pid } = (await askJson({ ...changing, method: "POST", path: "/v1/stop" })) as { readonly pid: number };
      return pid;
    },
    confirm: async () => {
      await ask({ ...changing, method: "POST", path: "/v1/configuration/confirm" });
    },
    zeroCounters: async (service) => {
      const query = service === undefined ? "" : `?service=${encodeURIComponent(service)}`;
      await ask({ ...changing, method: "POST", path: `/v1/counters/zero${query}` });
    },
    rollBack: async () =>
      (await askJson({ ...changing, method: "POST", path: "/v1/configuration/rollback" })) as MadeChange,
    change: async (method, path, fields) =>
      (await askJson({ ...changing, method, path, body: fields && JSON.stringify(fields) })) as MadeChange,
  };
}

interface Question {
  readonly socketPath: string;
  readonly path: string;
  readonly timeoutMs: number;
  readonly method?: string;
  readonly body?: string | undefined;
  /** Of the configuration that is to be replaced; undefined: whichever runs. */
  readonly revision?: string | undefined;
}

async function askJson(question: Question): Promise<unknown> {
  return jsonOf(question, await ask(question));
}

/** Asks; what is no good answer is thrown. */
async function ask(question: Question): Promise<Answer> {
  let answer = await exchange(question);
  // Nothing of what is refused for being too much has been done.
  for (let again = 0; again < MOST_RETRIES && answer.status === 429; again++) {
    await sleep(Math.min(answer.retrySeconds, MOST_RETRY_SECONDS) * 1000);
    answer = await exchange(question);
  }
  if (answer.status >= 200 && answer.status < 300) return answer;
  throw refusal(question, answer);
}

function refusal(question: Question, answer: Answer): Error {
  const { detail, code, hint, faults } = jsonOf(question, answer) as Partial<Problem>;
  if (faults !== undefined) return new ConfigurationError(faults);
  // What the director says is said to whoever asked; how it was asked says nothing more.
  const message = detail ?? `asking ${question.socketPath} for ${question.path}: status ${answer.status}`;
  return new DirectorError(code ?? "YM_API_ANSWER", message, hint === undefined ? {} : { hint });
}

/** Asks for lines of JSON and gives each as it comes. */
async function* askLines<T>(question: Question): AsyncGenerator<T> {
  const { socketPath, path, timeoutMs } = question;
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const headers = { accept: "application/x-ndjson" };
    const asked = request({ socketPath, path, headers, agent: false, timeout: timeoutMs }, resolve);
    const silence = () => asked.destroy(explain(new Error("silence"), socketPath, timeoutMs));
    asked.on("timeout", silence);
    asked.on("error", (cause) =>
      reject(cause instanceof DirectorError ? cause : explain(cause, socketPath, undefined)),
    );
    asked.end();
  });
  response.setEncoding("utf8");
  const isRefused = response.statusCode !== 200;
  let text = "";
  try {
    for await (const piece of response) {
      text += piece as string;
      if (isRefused) continue;
      const lines = text.split("\n");
      text = lines.pop() ?? "";
      for (const line of lines) yield JSON.parse(line) as T;
    }
  } catch (cause) {
    throw cause instanceof DirectorError ? cause : explain(cause as Error, socketPath, undefined);
  }
  const answer = { status: response.statusCode ?? 0, text, revision: "", retrySeconds: 1 };
  if (isRefused) throw refusal(question, answer);
  // Without its end it is none of ours.
  if (text !== "") jsonOf(question, { ...answer, text: "" });
}

function jsonOf({ socketPath, path }: Question, { text, status }: Answer): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const message = `asking ${socketPath} for ${path}: the answer is no JSON (status ${status})`;
    throw new DirectorError("YM_API_ANSWER", message, { hint: "something else than a director answers there", cause });
  }
}

interface Answer {
  readonly status: number;
  readonly text: string;
  readonly revision: string;
  /** Of a refusal: when to come again. */
  readonly retrySeconds: number;
}

function exchange({ socketPath, path, timeoutMs, method = "GET", body, revision }: Question): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(timeoutMs);
    const fail = (cause: Error) => reject(explain(cause, socketPath, signal.aborted ? timeoutMs : undefined));
    const replaces = method === "PUT" || method === "PATCH" || method === "DELETE";
    const match = revision === undefined ? "*" : `"${revision}"`;
    const headers = revision !== undefined || replaces ? { "if-match": match } : {};
    const exchangeRequest = request({ socketPath, path, method, headers, agent: false, signal }, (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (text += chunk));
      const made = (response.headers.etag ?? "").replaceAll('"', "");
      const { statusCode: status = 0 } = response;
      const retrySeconds = Number(response.headers["retry-after"] ?? 1);
      response.on("end", () => resolve({ status, text, revision: made, retrySeconds }));
      response.on("error", fail);
    });
    exchangeRequest.on("error", fail);
    exchangeRequest.end(body);
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
