// What stands before the routes on every listener: who asks, how often, how much at once. It reads headers only.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { TLSSocket } from "node:tls";
import type { Report } from "../log/report.ts";
import { printable } from "../config/fault.ts";
import { maximumFileLength } from "../config/read-yaml.ts";
import type { Admission } from "./admission.ts";
import { problem } from "./problem.ts";
import type { Credentials } from "./credentials.ts";
import type { Tokens } from "./tokens.ts";

/** What routes know of a request besides itself. */
export interface RequestEnvironment {
  readonly incoming: IncomingMessage;
  readonly outgoing: ServerResponse;
  /** Who asks, for the log: absent on the Unix socket. */
  readonly from?: string;
}

/** Answers requests. */
export type Fetch = (request: Request, environment: RequestEnvironment) => Response | Promise<Response>;

/** A gate's settings. */
export interface GateOptions {
  readonly admission: Admission;
  /** How askers on TCP show that they may; undefined: who reaches the socket may. */
  readonly access?: Pick<Credentials, "tokens" | "onChange">;
  readonly report: Report;
  readonly nowMs?: () => number;
}

/** A wrong token counts as so many requests: guessing comes to an end soon. */
const REFUSED_COSTS = 10;
/** Characters of a certificate's name that the log has. */
const LONGEST_NAME = 64;
/** Refusals of one listener are logged so often at most. */
const REFUSALS_LOGGED_MS = 60_000;

/** The routes behind their gate. */
export function gate(routes: Fetch, options: GateOptions): Fetch {
  const { admission, access } = options;
  const refusals = new Refusals(options);
  /** Streams go on for as long as their listener likes: whether it still may is asked anew when that changes. */
  const streams = new Set<ServerResponse>();
  access?.onChange(() => {
    for (const stream of streams) stream.destroy();
  });
  return async (request, environment) => {
    const { incoming, outgoing } = environment;
    const asker = access === undefined ? "" : (incoming.socket.remoteAddress ?? "");
    const seconds = admission.waitSeconds(asker);
    if (seconds > 0) return tooMany("more requests than are answered in a second", seconds);
    const who = access === undefined ? undefined : identify(incoming, access.tokens);
    if (who !== undefined && "refused" in who) {
      admission.waitSeconds(asker, REFUSED_COSTS - 1);
      refusals.add(asker, who.refused);
      return who.response;
    }
    const admitted = admission.enter(bodyBytes(incoming));
    if (admitted === undefined) return tooMany("more requests at once than are answered", 1);
    const from = who && { from: who.name === undefined ? asker : `${asker} (${who.name})` };
    outgoing.once("close", admitted.leave);
    const response = await routes(request, { ...environment, ...from });
    if (isStream(response)) {
      // They are counted by whoever makes them: they last.
      admitted.leave();
      streams.add(outgoing);
      outgoing.once("close", () => streams.delete(outgoing));
    }
    return response;
  };
}

/** What a request's body may take: as much as it announces, or as much as is ever read. */
function bodyBytes({ method, headers }: IncomingMessage): number {
  if (method === "GET" || method === "HEAD") return 0;
  const announced = Number(headers["content-length"] ?? (headers["transfer-encoding"] === undefined ? 0 : Infinity));
  return Math.min(Number.isNaN(announced) ? Infinity : announced, maximumFileLength);
}

function isStream(response: Response): boolean {
  return response.headers.get("content-type")?.startsWith("text/event-stream") === true;
}

type Who = { readonly name: string | undefined } | { readonly refused: string; readonly response: Response };

function identify(incoming: IncomingMessage, tokens: Tokens | undefined): Who {
  const { authorization, origin, host } = incoming.headers;
  // A browser says where a request comes from: pages of others have no business here, whatever certificate it has.
  if (origin !== undefined && hostOf(origin) !== host) {
    const detail = `a page of ${origin.slice(0, 100)} may not ask this API`;
    return { refused: "another site's page", response: refusal(403, "Forbidden", detail) };
  }
  const socket = incoming.socket as TLSSocket;
  if (socket.encrypted && socket.authorized) {
    const names: readonly (string | undefined)[] = [socket.getPeerCertificate().subject?.CN].flat();
    const [name] = names;
    return { name: name && printable(name).slice(0, LONGEST_NAME) };
  }
  const [, token] = /^Bearer +(\S+) *$/i.exec(authorization ?? "") ?? [];
  if (token !== undefined && tokens?.has(token) === true) return { name: undefined };
  const isWrong = authorization !== undefined;
  const response = refusal(
    401,
    "Unauthorized",
    isWrong ? "the token is not one of the director's" : "this API wants a token: Authorization: Bearer …",
  );
  response.headers.set("www-authenticate", `Bearer realm="yardmaster"${isWrong ? ', error="invalid_token"' : ""}`);
  return { refused: isWrong ? "a wrong token" : "no token", response };
}

function hostOf(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

function refusal(status: number, title: string, detail: string): Response {
  return problem({ status, title, detail, code: "YM_API_ACCESS" });
}

function tooMany(detail: string, seconds: number): Response {
  const response = problem({ status: 429, title: "Too Many Requests", detail, code: "YM_API_BUSY" });
  response.headers.set("retry-after", String(seconds));
  return response;
}

/** Says who was refused, without letting them fill the log. */
class Refusals {
  readonly #options: GateOptions;
  #saidMs = -Infinity;
  #unsaid = 0;

  constructor(options: GateOptions) {
    this.#options = options;
  }

  add(asker: string, reason: string): void {
    const { report, nowMs = () => performance.now() } = this.#options;
    if (nowMs() - this.#saidMs < REFUSALS_LOGGED_MS) {
      this.#unsaid += 1;
      return;
    }
    const more = this.#unsaid === 0 ? "" : `; ${this.#unsaid} more were refused since the last time`;
    report(`API: ${asker} is refused: ${reason}${more}`, {
      ...{ event: "accessRefused", level: "warning", cause: `API from ${asker}`, reason },
    });
    this.#saidMs = nowMs();
    this.#unsaid = 0;
  }
}
