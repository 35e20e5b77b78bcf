// The connection table when it is full: it is told once, and once more when it takes connections again.

import { reasonNames } from "@yardmaster/dataplane";
import type { Dataplane } from "../kernel/dataplane.ts";
import type { Report } from "../log/report.ts";

/** Looks without a refusal after which a table that has room is no longer full. */
const QUIET_LOOKS = 3;
const REFUSED = reasonNames.indexOf("tableFull");

/** How full a table is. */
export interface TableFill {
  readonly entries: number;
  readonly maximum: number;
  /** Packets that would have opened a connection and were dropped for want of room, since the program was made. */
  readonly refused: number;
}

/** Packets that were dropped because the table was full. */
export function readRefused({ maps: { verdicts } }: Dataplane): number {
  return Number((verdicts.lookupPerCpu(REFUSED) ?? []).reduce((sum, { packets }) => sum + packets, 0n));
}

/** Watches one director's table. */
export class TableWatch {
  readonly #report: Report;
  #refused: number | undefined;
  #quietLooks = 0;
  #isFull = false;

  constructor(report: Report) {
    this.#report = report;
  }

  /** Packets were dropped lately because there was no room. */
  get isFull(): boolean {
    return this.#isFull;
  }

  /** Looks once; `fill` is asked for where there is something to tell. */
  look(refused: number, fill: () => Omit<TableFill, "refused">): void {
    const before = this.#refused ?? refused;
    // Fewer: a program that took over counts anew.
    const more = refused < before ? refused : refused - before;
    this.#refused = refused;
    if (more > 0) {
      this.#quietLooks = 0;
      if (!this.#isFull) this.#tell(fill());
      this.#isFull = true;
      return;
    }
    if (!this.#isFull || ++this.#quietLooks < QUIET_LOOKS) return;
    const { entries, maximum } = fill();
    if (entries >= maximum) return;
    this.#isFull = false;
    this.#report(`the connection table takes connections again: ${entries} of ${maximum} entries`, {
      ...{ event: "troubleEnded", level: "notice", reason: "tableFull", connections: entries },
    });
  }

  #tell({ entries, maximum }: Omit<TableFill, "refused">): void {
    const what = "packets that would open a connection are dropped (tableFull)";
    this.#report(`the connection table is full, ${entries} of ${maximum} entries: ${what}; ${TABLE_ADVICE}`, {
      ...{ event: "troubleBegun", level: "error", reason: "tableFull", connections: entries },
    });
  }
}

/** What can be done about it. */
export const TABLE_ADVICE =
  "write a larger director.connections.maximum and apply it, connections go on; or shorter director.timeouts";
