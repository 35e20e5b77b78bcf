// Checking files against their schemas, with errors that say where.
import type { z } from "zod";

const SHOWN_FAULTS = 5;

/** The value in the schema's type; throws an error that names the places at fault. */
export function mustAgree<Schema extends z.ZodType>(schema: Schema, json: unknown, what: string): z.infer<Schema> {
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const faults = parsed.error.issues.map(({ path, message }) => `${placeText(path)}${message}`);
  const more = faults.length > SHOWN_FAULTS ? `; and ${faults.length - SHOWN_FAULTS} more` : "";
  throw new Error(`reading a ${what}: ${faults.slice(0, SHOWN_FAULTS).join("; ")}${more}`);
}

function placeText(path: readonly PropertyKey[]): string {
  if (path.length === 0) return "";
  const text = path.map((step) => (typeof step === "number" ? `[${step}]` : `.${String(step)}`)).join("");
  return `${text.replace(/^\./, "")}: `;
}
