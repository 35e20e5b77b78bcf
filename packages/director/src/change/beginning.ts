// What a director begins with: what its file says, or, where the one before it ran something else, what ran.

import type { ParsedConfiguration } from "../config/parse-configuration.ts";
import type { Report } from "../log/report.ts";
import type { Configuration } from "../model/configuration.ts";
import type { VirtualService } from "../model/virtual-service.ts";
import type { Pending } from "./keeper.ts";
import type { KeptState } from "./state-file.ts";
import type { Leaving } from "./transitions.ts";
import { Written } from "./written.ts";

/** The file as it was read. */
interface Read {
  readonly text: string;
  readonly configuration: Configuration;
}

/** What to begin with. */
export interface Beginning extends Read {
  /** What ran before, where that was something else. */
  readonly before?: readonly VirtualService[] | undefined;
  readonly leaving: readonly Leaving[];
  /** Goes on waiting to be confirmed. */
  readonly pending?: Pending | undefined;
}

/** How it is decided. */
interface BeginningOptions {
  readonly parse: (text: string) => ParsedConfiguration;
  readonly report: Report;
  readonly nowMs: number;
}

/**
 * The file counts as soon as somebody has changed it; until then goes on what ran, with the changes that were made
 * while it ran. What was not confirmed in time is taken back.
 */
export function beginWith(
  file: Read,
  state: KeptState | undefined,
  { parse, report, nowMs }: BeginningOptions,
): Beginning {
  if (state === undefined) return { ...file, leaving: [] };
  const ageMs = Math.max(0, nowMs - state.savedAtMs);
  const leaving = state.leaving.map((one) => ({ ...one, leftMs: Math.max(0, one.leftMs - ageMs) }));
  const read = (make: () => string): Read | undefined => {
    try {
      const text = make();
      if (text === file.text) return file;
      return { text, configuration: parse(text).configuration };
    } catch (error) {
      const reason = (error as Error).message;
      report(`what ran before is refused now, the file counts: ${reason}`, {
        ...{ event: "configurationRefused", level: "warning", cause: "start", reason },
      });
      return undefined;
    }
  };
  const ran = read(() => new Written(state.running.text, state.running.edits).text);
  const before = ran?.configuration.services;
  const { pending } = state;
  if (pending !== undefined) {
    const isOver = nowMs >= pending.untilMs;
    if (!isOver && ran !== undefined) return { ...ran, leaving, pending };
    report("configuration: not confirmed in time: taken back", {
      ...{ event: "configurationTakenBack", level: "notice", cause: "start" },
    });
    return { ...(read(() => pending.before) ?? file), before, leaving };
  }
  if (state.file !== file.text || ran === undefined) return { ...file, before, leaving };
  if (ran !== file) report("going on with what was changed while the one before ran; a change of the file ends that");
  return { ...ran, leaving };
}
