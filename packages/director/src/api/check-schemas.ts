// What health checks at work show of themselves, as zod schemas: see status-schemas.ts.
import { z } from "zod";
import { checkWays } from "../model/check.ts";

/** One exchange of a check with a server. */
export const checkExchange = z.object({
  atMs: z.number().describe("when it began: milliseconds since 1970"),
  durationMs: z.number(),
  outcome: z.enum(["good", "bad", "unknown"]).describe("unknown: the director could not ask"),
  reason: z.string().describe("as it came: HTTP 503 Service Unavailable, ECONNREFUSED"),
  hint: z
    .string()
    .exactOptional()
    .describe("what clients' packets said against the server, so that it was asked sooner"),
});

/** A health check at work; services that ask for the same share one. */
export const checkStatus = z.object({
  check: z.string().describe("http GET /health"),
  via: z.enum(checkWays),
  address: z.string(),
  port: z.int(),
  servers: z
    .array(z.object({ service: z.string(), server: z.string() }))
    .describe("for whom: the service's name, and the server's address and port"),
  isUp: z.boolean(),
  against: z.int().describe("answers in a row that speak against isUp"),
  intervalMs: z.number(),
  timeoutMs: z.number(),
  rise: z.int(),
  fall: z.int(),
  exchanges: z.array(checkExchange).describe("the last 20, the newest last"),
});

/** `GET /v1/checks`. */
export const checkList = z.object({ checks: z.array(checkStatus) });
