// What a check found: what was tried, what was seen, and, where that is not as it should be, what to do.

/** One thing that was tried. */
export interface Finding {
  /** What it is about, for people: `ARP for 198.51.100.10`. */
  readonly part: string;
  /** Unknown: it could not be tried, or what came of it says nothing. */
  readonly outcome: "good" | "bad" | "unknown";
  readonly tried: string;
  readonly seen: string;
  readonly advice?: string;
}
