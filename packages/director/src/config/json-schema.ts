// The JSON Schema of a configuration file, for editors: generated from the schema that `yardmaster check` uses.
import { z } from "zod";
import { configurationSchema } from "./schema.ts";

/** JSON Schema (draft 2020-12) of what people write: durations are text, defaults may be left out. */
export function configurationJsonSchema(): Readonly<Record<string, unknown>> {
  return z.toJSONSchema(configurationSchema, { io: "input" });
}
