// Errors as problem documents (RFC 9457).
import { ConfigurationError } from "../config/fault.ts";
import type { Problem } from "./types.ts";

/** Status and title of errors that are the asker's, by code; all others are ours. */
const known: Readonly<Record<string, readonly [number, string]>> = {
  YM_API_QUERY: [400, "Bad Request"],
  YM_API_BODY: [400, "Bad Request"],
  YM_API_NOT_FOUND: [404, "Not Found"],
  YM_CHANGE_NO_SERVICE: [404, "Not Found"],
  YM_CHANGE_NO_SERVER: [404, "Not Found"],
  YM_CHANGE_EXISTS: [409, "Conflict"],
  YM_CHANGE_PENDING: [409, "Conflict"],
  YM_CHANGE_NOT_PENDING: [409, "Conflict"],
  YM_CHANGE_PLACE: [409, "Conflict"],
  YM_CHANGE_REVISION: [412, "Precondition Failed"],
  YM_API_UNCONDITIONAL: [428, "Precondition Required"],
  YM_API_BUSY: [429, "Too Many Requests"],
  YM_API_TOO_LARGE: [413, "Content Too Large"],
  YM_CONFIG: [422, "Unprocessable Content"],
  YM_RUN_FORWARDING: [422, "Unprocessable Content"],
  YM_API_NOT_READY: [503, "Service Unavailable"],
};

/** A problem document. */
export function problem(fields: Omit<Problem, "type">): Response {
  const body: Problem = { type: `urn:yardmaster:${fields.code}`, ...fields };
  const headers = { "content-type": "application/problem+json" };
  return new Response(JSON.stringify(body), { status: fields.status, headers });
}

/** When to come again, where there is no telling. */
const RETRY_SECONDS = 5;

/** The problem document of an error; of a configuration that is refused with all of its faults. */
export function problemOf(error: Error): Response {
  const code = "code" in error && typeof error.code === "string" ? error.code : "YM_API_FAILED";
  const [status, title] = known[code] ?? [500, "Internal Server Error"];
  const hint = "hint" in error && typeof error.hint === "string" ? { hint: error.hint } : {};
  const faults = error instanceof ConfigurationError ? { faults: error.faults } : {};
  const response = problem({ status, title, detail: error.message, code, ...hint, ...faults });
  if (status === 429 || status === 503) response.headers.set("retry-after", String(RETRY_SECONDS));
  return response;
}
