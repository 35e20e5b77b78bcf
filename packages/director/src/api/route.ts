// What all routes share: what they get of a request, and who asks.
import type { Context, Hono } from "hono";
import type { RequestEnvironment } from "./gate.ts";

/** What a route gets besides the request; nothing where no server stands before it. */
export interface RouteEnvironment {
  readonly Bindings: Partial<RequestEnvironment>;
}

/** The routes of the API. */
export type Routes = Hono<RouteEnvironment>;

/** A request at its route. */
export type Asked = Context<RouteEnvironment>;

/** Who asks for what, for the log: `PUT /v1/configuration from 192.0.2.7`. */
export function causeOf({ req, env }: Asked): string {
  const from = (env as Partial<RequestEnvironment> | undefined)?.from;
  return `${req.method} ${readable(req.path)}${from === undefined ? "" : ` from ${from}`}`;
}

/** A path as people write it: `…/servers/10.0.0.11:80`, without its %3A. */
function readable(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    // A lone % is no code.
    return path;
  }
}
