// The routes of the API (HTTP/JSON), apart from any socket so that they can be tried without one; those that change
// something are in change-routes.ts.
// Errors are problem documents (RFC 9457).
import { Hono } from "hono";
import { z } from "zod";
import type { Keeper } from "../change/keeper.ts";
import { openMetricsText, openMetricsType } from "../metrics/exposition.ts";
import { metricFamilies } from "../metrics/metrics.ts";
import { addChangeRoutes } from "./change-routes.ts";
import { problem, problemOf } from "./problem.ts";
import type { SnapshotSource } from "./snapshot-source.ts";
import type { CheckList, ConnectionList } from "./types.ts";

/** Rows of the connection table in one answer unless asked otherwise, and at most. */
export const connectionLimits = { default: 1_000, maximum: 1_000_000 } as const;

const connectionsQuery = z.object({
  limit: z.coerce.number().int().min(1).max(connectionLimits.maximum).default(connectionLimits.default),
});

/** The API over a source of snapshots, and whoever keeps the configuration; without, nothing can be changed. */
export function createRoutes(source: SnapshotSource, keeper?: () => Keeper): Hono {
  const routes = new Hono();
  if (keeper !== undefined) addChangeRoutes(routes, keeper);
  routes.get("/v1/status", (context) => context.json(source.status()));
  routes.get("/v1/checks", (context) => {
    const list: CheckList = { checks: source.checks() };
    return context.json(list);
  });
  routes.get("/v1/connections", (context) => {
    const query = connectionsQuery.safeParse(context.req.query());
    if (!query.success) {
      const detail = `limit must be a whole number, 1–${connectionLimits.maximum}`;
      return problem({ status: 400, title: "Bad Request", detail, code: "YM_API_QUERY" });
    }
    const list: ConnectionList = { connections: source.connections(query.data.limit) };
    return context.json(list);
  });
  routes.get("/metrics", (context) => {
    const facts = { residentBytes: process.memoryUsage.rss(), cpuSeconds: cpuSeconds() };
    const text = openMetricsText(metricFamilies(source.status(), facts));
    return context.body(text, 200, { "content-type": openMetricsType });
  });
  routes.notFound((context) => {
    const detail = `${context.req.method} ${context.req.path}: no such resource`;
    return problem({ status: 404, title: "Not Found", detail, code: "YM_API_NOT_FOUND" });
  });
  routes.onError(problemOf);
  return routes;
}

function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
