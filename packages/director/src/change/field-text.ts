// A field that changed, in the words of the configuration file: `drain 5m → 30s`, not `drainMs 300000 → 30000`.

import { formatDuration } from "../config/duration.ts";
import { probeText, type HealthCheck } from "../model/check.ts";
import type { FieldChange } from "./diff.ts";

/** What the file calls differently than the model does. */
const words: Readonly<Record<string, string>> = {
  localityMs: "timeouts",
  maskBits: "netmask",
  dropOneOf: "dropPackets.oneOf",
};
/** Parts of a path that the file has not. */
const UNWRITTEN = new Set(["health"]);
const UNIT = /Ms$/;

/** `weight 2 → 3`, `persistence.timeout not set → 5m`. */
export function fieldText({ field, before, after }: FieldChange): string {
  const path = field.split(".");
  const isTime = path.some((part) => UNIT.test(part));
  const written = path.filter((part) => !UNWRITTEN.has(part)).map((part) => words[part] ?? part.replace(UNIT, ""));
  return `${written.join(".")} ${valueText(before, { isTime })} → ${valueText(after, { isTime })}`;
}

/** A value as the file would have it, as far as that is one line. */
export function valueText(value: unknown, { isTime }: { readonly isTime: boolean } = { isTime: false }): string {
  if (value === undefined) return "not set";
  if (typeof value === "number" && isTime) return value === 0 ? "off" : formatDuration(value);
  if (isChecks(value)) return `[${value.map(checkText).join(", ")}]`;
  return typeof value === "string" ? value : JSON.stringify(value);
}

function checkText({ probe, port, via, intervalMs, timeoutMs, rise, fall }: HealthCheck): string {
  const where = port === undefined ? "" : ` port ${port}`;
  const pace = `every ${formatDuration(intervalMs)}, timeout ${formatDuration(timeoutMs)}, rise ${rise}, fall ${fall}`;
  return `${probeText(probe)}${where} via ${via} ${pace}`;
}

function isChecks(value: unknown): value is readonly HealthCheck[] {
  return Array.isArray(value) && value.length > 0 && value.every((one) => typeof one === "object" && "probe" in one);
}
