// What `GET /v1/events` sends, as zod schemas: see status-schemas.ts.
import { z } from "zod";
import { eventNames, levels } from "../log/report.ts";
import { configurationDiff, programFate } from "./change-schemas.ts";
import { trafficCounters, trafficRates, verdictCount, connectionTable } from "./status-schemas.ts";

/** Something changed. */
export const stateEvent = z.object({
  atMs: z.number().describe("Unix time in milliseconds"),
  event: z.enum(eventNames),
  level: z.enum(levels),
  message: z.string().describe("the same for people: the line of the log"),
  cause: z
    .string()
    .exactOptional()
    .describe("who brought it about: PUT /v1/configuration, SIGHUP, check, drain, slowStart, kernel, …"),
  service: z.string().exactOptional(),
  server: z.string().exactOptional().describe("10.0.0.11:80"),
  reason: z.string().exactOptional().describe("as it came: of a check its last answer"),
  interfaceName: z.string().exactOptional(),
  revision: z.string().exactOptional().describe("of the configuration that runs then: its ETag"),
  program: programFate.exactOptional(),
  diff: configurationDiff.exactOptional().describe("absent also where it is too large to be sent"),
  tookMs: z.number().exactOptional(),
  withinMs: z.number().exactOptional().describe("how long a change waits to be confirmed, a server takes to start"),
  connections: z.int().exactOptional().describe("carried over, or cut"),
});

const rated = { perSecond: trafficRates.exactOptional() };

/** What is counted, from time to time. */
export const countersEvent = z.object({
  atMs: z.number(),
  connectionTable,
  verdicts: z.array(verdictCount),
  services: z.array(
    z.object({
      name: z.string(),
      ...trafficCounters.shape,
      ...rated,
      servers: z
        .array(z.object({ server: z.string(), weight: z.int(), ...trafficCounters.shape, ...rated }))
        .describe("none where there are more than 1,000 of all services together"),
    }),
  ),
});
