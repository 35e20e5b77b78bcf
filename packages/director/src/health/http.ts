// HTTP and HTTPS checks: one request of HTTP/1.1 on a connection of its own, the answer's status, and its body where
// the check wants one. A client of our own: it is a tenth of the work of Node's, and it stops reading where it knows
// enough.
import type { Socket } from "node:net";
import type { HttpSettings, Probe } from "../model/check.ts";
import { endpointText } from "../address.ts";
import { type Answer, bad, type Begin, good, type Target } from "./exchange.ts";
import { type HttpRead, HttpResponse } from "./http-response.ts";
import { type Matcher, matcherOf } from "./pattern.ts";
import { openStream, openTls } from "./stream.ts";

type HttpProbe = Extract<Probe, { readonly kind: "http" | "https" }>;

/** An HTTP or HTTPS check. */
export function http(probe: HttpProbe): Begin {
  const body = probe.body && matcherOf(probe.body);
  return (target, done) => {
    const response = new HttpResponse({ hasBody: probe.method !== "HEAD" });
    const take = (read: HttpRead) => {
      const answer = answerOf(read, probe, body);
      if (answer !== undefined) done(answer);
    };
    const handlers = {
      done,
      ready: (socket: Socket) => {
        socket.on("data", (bytes: Buffer) => take(response.push(bytes)));
        socket.write(requestText(probe, target), "latin1");
      },
      ended: () => take(response.end()),
    };
    return probe.kind === "https" ? openTls(target, probe, handlers, ["http/1.1"]) : openStream(target, handlers);
  };
}

function requestText({ method, path, host, headers }: HttpSettings, { address, port }: Target): string {
  const own = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
  const usual: readonly (readonly [string, string])[] = [
    ["Host", host ?? endpointText(address, port)],
    ["User-Agent", "yardmaster"],
    ["Accept", "*/*"],
    ["Connection", "close"],
  ];
  const all = [...usual.filter(([name]) => !own.has(name.toLowerCase())), ...Object.entries(headers)];
  return `${method} ${path} HTTP/1.1\r\n${all.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
}

/** Undefined: more must come. */
function answerOf(read: HttpRead, { status }: HttpSettings, body: Matcher | undefined): Answer | undefined {
  if (read.state === "more") return undefined;
  if (read.state === "invalid") return bad(read.problem);
  const { head } = read;
  if (!status.some(({ first, last }) => first <= head.status && head.status <= last)) return bad(head.text);
  if (body === undefined) return good(head.text);
  if (read.state !== "complete") return undefined;
  const match = body(read.body);
  return match === true ? good(head.text) : bad(`${head.text}, and the body ${match.problem}`);
}
