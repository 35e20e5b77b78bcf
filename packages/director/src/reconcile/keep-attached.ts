// Interfaces can go while a director runs, as when a card is taken out, a virtual machine's is exchanged or a
// container's bridge is made anew, and their program goes with them. When one of the same name is there again it gets
// its program back; until then the others go on.

import { listLinks } from "@yardmaster/linux";
import type { Attachment } from "../kernel/attach.ts";
import type { Report } from "../log/report.ts";
import { keepGoing, type Rounds } from "./rounds.ts";

/** How often it is looked. */
const LOOK_MS = 1_000;
/** What was refused is tried again after so long, not sooner: a program that the kernel refuses stays refused. */
const PATIENCE_MS = 30_000;

/** Watches the interfaces of one director. */
export class InterfaceWatch {
  readonly #report: Report;
  /** By name: those that are gone, or back without a program. */
  readonly #missing = new Set<string>();
  #problem: { readonly reason: string; readonly atMs: number } | undefined;

  constructor(report: Report) {
    this.#report = report;
  }

  /** Whether an interface is not there, or not with its program. */
  isMissing(name: string): boolean {
    return this.#missing.has(name);
  }

  /**
   * Looks once. `attachAnew`: puts programs on all interfaces, as they are now; `nowMs`: a clock that does not jump.
   */
  look(attachments: readonly Pick<Attachment, "link">[], attachAnew: () => void, nowMs: number): void {
    const links = listLinks();
    const isThere = ({ link: { name, index } }: Pick<Attachment, "link">) =>
      links.some((one) => one.name === name && one.index === index);
    const lost = attachments.filter((one) => !isThere(one)).map(({ link }) => link.name);
    for (const name of lost) {
      if (this.#missing.has(name)) continue;
      this.#missing.add(name);
      this.#report(
        `${name}: the interface is gone, and the program with it: nothing is balanced there until it is back`,
        {
          ...{ event: "troubleBegun", level: "error", cause: "kernel", interfaceName: name },
        },
      );
    }
    const isWhole = lost.every((name) => links.some((link) => link.name === name));
    const isTooSoon = this.#problem !== undefined && nowMs - this.#problem.atMs < PATIENCE_MS;
    if (lost.length > 0 && isWhole && !isTooSoon) this.#attach(attachAnew, nowMs);
  }

  #attach(attachAnew: () => void, nowMs: number): void {
    try {
      attachAnew();
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      if (reason !== this.#problem?.reason) {
        this.#report(`interfaces that are back get no program: ${reason}`, {
          ...{ event: "troubleBegun", level: "error", cause: "kernel", reason },
        });
      }
      this.#problem = { reason, atMs: nowMs };
      return;
    }
    this.#problem = undefined;
    for (const name of this.#missing) {
      this.#report(`${name}: the interface is back, and the program on it`, {
        ...{ event: "troubleEnded", level: "notice", cause: "kernel", interfaceName: name },
      });
    }
    this.#missing.clear();
  }
}

/** Looks again and again until `signal` is aborted. */
export function keepAttached(look: () => void, { signal, report }: Pick<Rounds, "signal" | "report">): Promise<void> {
  return keepGoing({ doing: "looking at interfaces", pauseMs: LOOK_MS, signal, report, round: look });
}
