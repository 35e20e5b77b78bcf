// What the oracle prints: a line for each file, under it the first disagreement with both answers and the balancer's
// state, and the sum at the end.
import type { Disagreement } from "./agreement.ts";
import { type FileOutcome, firstDisagreement, type Tally } from "./run-files.ts";

/** One file's line, and what is to be said below it. */
export function outcomeText(outcome: FileOutcome): string {
  const { file } = outcome;
  switch (outcome.kind) {
    case "index":
      return ` – ${file}: an index of ${outcome.rows} files, nothing to replay`;
    case "unsupported":
      return ` – ${file}: not yet supported: ${outcome.reason}`;
    case "listed":
      return ` ≠ ${file}: differs as docs/decisions/0006 says: ${outcome.text}`;
    case "error":
      return ` × ${file}: ${errorText(outcome.error)}`;
    case "replayed": {
      const { steps, agreed, disagreements } = outcome.replay;
      const first = firstDisagreement(outcome);
      if (first === undefined) return ` ✓ ${file}: ${steps} steps, all agree`;
      const others = disagreements.length - 1;
      const more = others === 0 ? [] : [`   … and ${others} disagreement${others === 1 ? "" : "s"} more`];
      return [` × ${file}: ${steps} steps, ${agreed} agree`, ...disagreementLines(first), ...more].join("\n");
    }
  }
}

function disagreementLines({ place, text, differences, state }: Disagreement): readonly string[] {
  return [
    `   first disagreement ${place}${text === "" ? "" : `: ${text}`}`,
    ...differences.flatMap(({ what, expected, got }) => [
      `     ${what}`,
      `       kernel:     ${expected}`,
      `       yardmaster: ${got}`,
    ]),
    "     state:",
    ...state.map((line) => `       ${line}`),
  ];
}

function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  return process.env["YARDMASTER_DEBUG"] === "1" ? `${error.stack}` : error.message;
}

/** The last line. */
export function tallyText({ passed, failed, unsupported, listed }: Tally): string {
  const others = [
    ...(listed === 0 ? [] : [`${listed} different as listed`]),
    ...(unsupported === 0 ? [] : [`${unsupported} not yet supported`]),
  ];
  return [`${passed} passed`, `${failed} failed`, ...others].join(", ");
}
