// What the lab counts failed requests and connections under, and how it tells of them.

/** A word for why it failed: `ECONNREFUSED`, `timeout`, `status 500`. */
export function causeOf(error: unknown): string {
  const { code, name } = error as Partial<NodeJS.ErrnoException>;
  return name === "AbortError" ? "timeout" : (code ?? name ?? "unknown");
}

/** Failures by cause, as the end of a sentence: `; failed: 3 × timeout`; nothing where there are none. */
export function causesText(failures: Readonly<Record<string, number>>): string {
  const causes = Object.entries(failures).map(([cause, count]) => `${count} × ${cause}`);
  return causes.length === 0 ? "" : `; failed: ${causes.join(", ")}`;
}
