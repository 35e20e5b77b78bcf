// The routes of the API (HTTP/JSON), apart from any socket so that they can be tried without one; those that change
// something are in change-routes.ts. openapi.ts describes each.
// Errors are problem documents (RFC 9457).
import { Hono } from "hono";
import { z } from "zod";
import type { Keeper } from "../change/keeper.ts";
import { tryParseDurationMs } from "../config/duration.ts";
import { DirectorError } from "../errors.ts";
import { expositionParts, expositionTypes, formFor } from "../metrics/exposition.ts";
import { metricDetails, metricFamilies } from "../metrics/metrics.ts";
import { jsonParts, textStream } from "../status/turns.ts";
import { addChangeRoutes } from "./change-routes.ts";
import type { Events } from "./events.ts";
import { problem, problemOf } from "./problem.ts";
import { type Asked, causeOf, type RouteEnvironment, type Routes } from "./route.ts";
import { lineFormat, listFormat, rowBody } from "./row-stream.ts";
import type { SnapshotSource } from "./snapshot-source.ts";
import type { CheckList, ConnectionList } from "./types.ts";

/** Rows of the connection table in one answer unless asked otherwise, and at most. */
export const connectionLimits = { default: 1_000, maximum: 1_000_000 } as const;

/** Milliseconds between two counters among the events: unless asked otherwise, and at least and at most. */
export const counterIntervalsMs = { default: 10_000, minimum: 1_000, maximum: 3_600_000 } as const;

const connectionsQuery = z.object({
  limit: z.coerce.number().int().min(1).max(connectionLimits.maximum).default(connectionLimits.default),
});

const metricsQuery = z.object({ per: z.enum(metricDetails).default("server") });

/** What the routes are over. */
export interface RoutesOptions {
  readonly source: SnapshotSource;
  /** Who keeps the configuration; without, nothing can be changed. */
  readonly keeper?: () => Keeper;
  /** Kept when what was changed so far outlives this process; without, nothing does. */
  readonly stored?: () => Promise<void>;
  /** What happens; without, there is nothing to listen to. */
  readonly events?: Events;
  /** Marks what is counted now, of the service of a name or of all; without, nobody can ask for that. */
  readonly zero?: (service: string | undefined) => void;
  /** Begins to end the director; without, nobody can ask for that. */
  readonly stop?: (cause: string) => void;
  /** When the certificate of the listener on TCP ends; undefined: it has none. */
  readonly certificateExpiresAtMs?: () => number | undefined;
}

/** The API over these. */
export function createRoutes({
  source,
  keeper,
  stored,
  events,
  zero,
  stop,
  certificateExpiresAtMs,
}: RoutesOptions): Routes {
  const routes: Routes = new Hono<RouteEnvironment>();
  if (keeper !== undefined) addChangeRoutes(routes, keeper, stored);
  if (events !== undefined) routes.get("/v1/events", (context) => listen(context, events));
  if (zero !== undefined) {
    routes.post("/v1/counters/zero", async (context) => {
      zero(context.req.query("service"));
      await stored?.();
      return context.body(null, 204);
    });
  }
  if (stop !== undefined) {
    routes.post("/v1/stop", (context) => {
      stop(causeOf(context));
      return context.json({ pid: process.pid }, 202);
    });
  }
  routes.get("/v1/status", async (context) => jsonStream(context, await source.status()));
  routes.get("/v1/checks", (context) => {
    const list: CheckList = { checks: source.checks() };
    return jsonStream(context, list);
  });
  routes.get("/v1/connections", (context) => {
    const query = connectionsQuery.safeParse(context.req.query());
    if (!query.success) {
      throw new DirectorError("YM_API_QUERY", `limit must be a whole number, 1–${connectionLimits.maximum}`);
    }
    const asLines = context.req.header("accept")?.includes(lineFormat.type) === true;
    const format = asLines ? lineFormat : listFormat("connections" satisfies keyof ConnectionList);
    return context.body(rowBody(source.connections(query.data.limit), format), 200, { "content-type": format.type });
  });
  routes.get("/metrics", async (context) => {
    const detail = metricsQuery.safeParse(context.req.query());
    if (!detail.success) throw new DirectorError("YM_API_QUERY", `per must be one of ${metricDetails.join(", ")}`);
    const facts = {
      ...{ residentBytes: process.memoryUsage.rss(), cpuSeconds: cpuSeconds() },
      certificateExpiresAtMs: certificateExpiresAtMs?.(),
    };
    const measured = { status: await source.status(), facts, checks: source.checks(), health: source.health?.() };
    const form = formFor(context.req.header("accept"));
    const parts = expositionParts(metricFamilies(measured, detail.data.per), form);
    return context.body(textStream(parts), 200, { "content-type": expositionTypes[form], vary: "accept" });
  });
  routes.get("/openapi.json", async (context) => {
    const { openApiDocument } = await import("./openapi.ts");
    return context.json(openApiDocument());
  });
  routes.notFound((context) => notFound(context, routes));
  routes.onError(problemOf);
  return routes;
}

/** What may be long is sent while it is made. */
function jsonStream(context: Asked, value: object): Response {
  return context.body(textStream(jsonParts(value)), 200, { "content-type": "application/json" });
}

function listen(context: Asked, events: Events): Response {
  const stream = events.listen({
    after: context.req.header("last-event-id"),
    countersMs: counterInterval(context.req.query("counters")),
  });
  return context.body(stream, 200, {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
  });
}

function counterInterval(text: string | undefined): number | undefined {
  const { default: usual, minimum, maximum } = counterIntervalsMs;
  if (text === undefined) return usual;
  if (text === "off") return undefined;
  const intervalMs = tryParseDurationMs(text);
  if (intervalMs !== undefined && intervalMs >= minimum && intervalMs <= maximum) return intervalMs;
  throw new DirectorError("YM_API_QUERY", "counters must be a duration, 1s–1h, such as 5s, or off");
}

const methods = ["GET", "POST", "PUT", "PATCH", "DELETE"] as const;

function notFound(context: Asked, routes: Routes): Response {
  const { method, path } = context.req;
  const allowed = methods.filter((one) => routes.router.match(one, path)[0].length > 0);
  const detail = `${method} ${path.slice(0, 200)}: no such resource`;
  if (allowed.length === 0) return problem({ status: 404, title: "Not Found", detail, code: "YM_API_NOT_FOUND" });
  const response = problem({
    ...{ status: 405, title: "Method Not Allowed", code: "YM_API_METHOD" },
    detail: `${method} ${path.slice(0, 200)}: it takes ${allowed.join(", ")}`,
  });
  response.headers.set("allow", allowed.join(", "));
  return response;
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
