// Answers about changes of the configuration, and refusals, as zod schemas: see status-schemas.ts.
import { z } from "zod";
import type { MadeChange, PlannedChange } from "../change/planned-change.ts";
import type { ConfigurationFault } from "../config/fault.ts";

const changeKind = z.enum(["added", "changed", "removed"]);
const share = z.number().min(0).max(1);

/** One thing that is wrong in a configuration. */
export const fault = z.object({
  severity: z.enum(["error", "warning"]),
  code: z.string().describe("stable, for programs: YM_CONFIG_…"),
  message: z.string(),
  evidence: z.string().exactOptional().describe("what was read of this machine, and how to see it"),
  hint: z.string().exactOptional().describe("what would be right"),
  file: z.string(),
  line: z.int().min(1),
  column: z.int().min(1).describe("in UTF-16 units"),
  quote: z.object({ text: z.string(), caret: z.int() }).describe("the line, and how many characters before the caret"),
}) satisfies z.ZodType<ConfigurationFault>;

const fieldChange = z.object({
  field: z.string(),
  before: z.unknown().exactOptional(),
  after: z.unknown().exactOptional(),
});
const serverDiff = z.object({
  change: changeKind,
  server: z.string().describe("10.0.0.11:80"),
  fields: z.array(fieldChange),
  cost: z
    .object({ connections: z.int(), fate: z.enum(["kept", "drained", "cut"]) })
    .exactOptional()
    .describe("what becomes of the connections of a server that gets no more of them"),
});
/** A service that is not as before. */
export const serviceDiff = z.object({
  change: changeKind,
  name: z.string(),
  match: z.string().describe("tcp 198.51.100.10:80"),
  fields: z.array(fieldChange),
  servers: z.array(serverDiff),
  isReordered: z.boolean().describe("the servers that stay stand in another order, which decides ties"),
  slots: z
    .object({ slots: z.int(), movedShare: share, idealShare: share })
    .exactOptional()
    .describe("of schedulers with a table: how much of it leads elsewhere when all that leaves has left"),
});
/** Everything that is not as before. */
export const configurationDiff = z.object({ director: z.array(fieldChange), services: z.array(serviceDiff) });

/** What a change does to the program. */
export const programFate = z.discriminatedUnion("program", [
  z.object({ program: z.literal("kept") }),
  z.object({ program: z.literal("exchanged"), because: z.string().describe("what the one before lacks") }),
]);

/** A change with its costs. */
export const plannedChange = z.object({
  diff: configurationDiff,
  program: programFate,
  warnings: z.array(fault),
}) satisfies z.ZodType<PlannedChange>;

/** A change that was made. */
export const madeChange = z.object({
  ...plannedChange.shape,
  revision: z.string().describe("of the configuration that runs now: its ETag"),
  confirmWithinMs: z
    .int()
    .exactOptional()
    .describe("it is taken back in so many milliseconds unless it is confirmed; absent: it stays"),
}) satisfies z.ZodType<MadeChange>;

/** An error of the API (RFC 9457), with the stable code beside the RFC's members. */
export const problemDocument = z.object({
  type: z.string(),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  code: z.string(),
  hint: z.string().exactOptional().describe("what to do"),
  faults: z.array(fault).exactOptional().describe("of a configuration that is refused: everything wrong with it"),
});
