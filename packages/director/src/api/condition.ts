// Conditional requests (RFC 9110 §13.1.1): what replaces something names the revision that it has read.
import type { Context } from "hono";
import { DirectorError } from "../errors.ts";

/** Which revision a change is for, given the current one; undefined: whichever that is. */
export type Condition = (current: string) => string | undefined;

/** No revision is empty: a change for this one is refused. */
const NONE = "";

/**
 * The condition of a request. Adding needs none; throws a DirectorError, YM_API_UNCONDITIONAL, where what replaces has
 * none.
 */
export function conditionOf({ req }: Context): Condition {
  const header = req.header("if-match");
  if (header === undefined) {
    if (req.method === "POST") return () => undefined;
    throw new DirectorError("YM_API_UNCONDITIONAL", `${req.method} ${req.path}: it does not say what it replaces`, {
      hint: "send If-Match with the ETag of GET /v1/configuration, or If-Match: * for whatever is there",
    });
  }
  if (header.trim() === "*") return () => undefined;
  // Weak ones (W/"…") never match: RFC 9110 §13.1.1 compares strongly.
  const named = new Set(header.split(",").flatMap((tag) => /^\s*"([^"]*)"\s*$/.exec(tag)?.[1] ?? []));
  return (current) => (named.has(current) ? current : NONE);
}
