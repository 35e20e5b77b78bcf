// The programs on all interfaces of a director: put there, exchanged for others, and taken off; kept by pins where they
// are to outlive the process.

import { existsSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { unpin } from "@yardmaster/ebpf/kernel";
import type { Link } from "@yardmaster/linux";
import type { Report } from "../log/report.ts";
import type { Hook } from "../model/configuration.ts";
import { modeText } from "../status/mode-text.ts";
import {
  type Attachment,
  attach,
  detachPinned,
  type HookPrograms,
  hookOf,
  linksFolder,
  modesFor,
  openAttachment,
  type Remembered,
} from "./attach.ts";
import { assertNobodyElses } from "./other-directors.ts";

/** What was done, until it is certain. */
interface Step {
  readonly undo: () => void;
  readonly settle: () => void;
}

/** A change of what is attached, which is not settled yet. */
export interface AttachmentChange {
  /** Keeps it, and takes off what is no longer wanted. */
  settle(): void;
  /** Puts everything back. */
  undo(): void;
}

/** All of them. */
export class Attachments implements Disposable {
  /** Where links are pinned; undefined: they go when this process does. */
  readonly #folder: string | undefined;
  readonly #directory: string | undefined;
  readonly #report: Report;
  readonly #gone = new WeakSet<Attachment>();
  /** Those that are there again by another link. */
  readonly #again = new WeakMap<Attachment, Attachment>();
  #all: readonly Attachment[] = [];
  /** Those that are on them, of this process. */
  #settled: HookPrograms | undefined;

  /** `directory`: of the instance that keeps them, if any. */
  constructor(directory: string | undefined, report: Report) {
    this.#folder = directory === undefined ? undefined : join(directory, linksFolder);
    this.#directory = directory;
    this.#report = report;
    if (this.#folder !== undefined) mkdirSync(this.#folder, { recursive: true, mode: 0o700 });
  }

  get all(): readonly Attachment[] {
    return this.#all;
  }

  /**
   * Puts the program of its hook on these interfaces: in the place of the one that is there, of this process or of one
   * before. Throws what attach does, with everything back as it was.
   */
  put(programs: HookPrograms, links: readonly Link[], hook: Hook): AttachmentChange {
    const before = this.#all;
    const steps: Step[] = [];
    const undo = (): void => {
      for (const step of steps.toReversed()) step.undo();
      this.#all = before.flatMap((one) => this.#again.get(one) ?? (this.#gone.has(one) ? [] : [one]));
    };
    try {
      this.#all = links.map((link) => this.#putOn(programs, link, hook, steps));
    } catch (error) {
      undo();
      throw error;
    }
    const settle = (): void => {
      for (const step of steps) step.settle();
      this.#settled = programs;
      const kept = new Set(this.#all);
      for (const gone of before) if (!kept.has(gone)) this.#takeOff(gone);
      this.#dropStrays();
    };
    return { settle, undo };
  }

  /** Takes all programs off. */
  detach(): void {
    for (const attachment of this.#all) this.#takeOff(attachment);
    this.#all = [];
    this.#dropStrays();
  }

  /** Lets go: pinned programs stay where they are, others are taken off. */
  [Symbol.dispose](): void {
    using cleanup = new DisposableStack();
    for (const attachment of this.#all) {
      // Closed even if detaching fails: that takes the program off, too, where nothing else holds the link.
      cleanup.use(attachment);
      if (this.#folder === undefined) cleanup.defer(() => attachment.detach());
    }
    this.#all = [];
  }

  #putOn(programs: HookPrograms, link: Link, hook: Hook, steps: Step[]): Attachment {
    const known = this.#known(link);
    if (known === undefined) return this.#attach(programs, link, hook, steps);
    if (modesFor(link, hook).includes(known.mode)) return this.#exchange(programs, known, steps);
    // XDP takes one program: one in its other mode has to go first. Else both are there for a moment, and all packets
    // come to one of them.
    const isOwn = this.#all.includes(known);
    const goesFirst = hookOf(known.mode) === "xdp" && modesFor(link, hook)[0] !== "tc";
    if (goesFirst) {
      using _between = this.#holdPlace(programs, link);
      const former = known.remember();
      this.#takeOff(known);
      steps.push({
        undo: () => this.#putBack(programs, known, { former, isOwn }),
        settle: () => former?.[Symbol.dispose](),
      });
      return this.#attach(programs, link, hook, steps);
    }
    const path = this.#pathOf(link.name);
    if (path !== undefined) unpin(path);
    steps.push({
      undo: () => {
        if (path !== undefined) known.pin(path);
        if (!isOwn) known[Symbol.dispose]();
      },
      settle: () => this.#takeOff(known),
    });
    return this.#attach(programs, link, hook, steps);
  }

  /**
   * The program at tc for as long as there is none at XDP: packets would come to the stack, which knows no connection
   * and resets what it gets.
   */
  #holdPlace(programs: HookPrograms, link: Link): Disposable {
    const held = attach(programs, link, "tc", this.#report);
    const path = this.#pathOf(link.name);
    // Where this process dies meanwhile, the next one takes it off as a stray.
    const pinned = path === undefined ? undefined : `${path}~`;
    if (pinned !== undefined) {
      unpin(pinned);
      held.pin(pinned);
    }
    return {
      [Symbol.dispose]: () => {
        if (pinned !== undefined) unpin(pinned);
        this.#takeOff(held);
      },
    };
  }

  /** The former program, as it was before it was taken off. */
  #putBack(
    programs: HookPrograms,
    known: Attachment,
    before: { former: Remembered | undefined; isOwn: boolean },
  ): void {
    using former = before.former;
    const { link } = known;
    const own = before.isOwn ? this.#settled : undefined;
    const attachOwn = own && (() => attach(own, link, known.mode === "generic" ? "xdp-generic" : "xdp", this.#report));
    const attachAgain = former?.attachAgain ?? attachOwn;
    if (attachAgain === undefined) {
      const why = "this process may not look the former one up";
      this.#report(`${link.name}: no program is there now: ${why}`, {
        ...{ event: "troubleBegun", level: "error", cause: "kernel", interfaceName: link.name },
      });
      return;
    }
    using _between = this.#holdPlace(programs, link);
    const again = attachAgain();
    const path = this.#pathOf(link.name);
    if (path !== undefined) {
      unpin(path);
      again.pin(path);
    }
    if (before.isOwn) this.#again.set(known, again);
    else again[Symbol.dispose]();
  }

  #exchange(programs: HookPrograms, known: Attachment, steps: Step[]): Attachment {
    const former = known.remember();
    known.update(programs.programFor(hookOf(known.mode)));
    const isNew = !this.#all.includes(known);
    steps.push({
      undo: () => {
        former?.restore();
        former?.[Symbol.dispose]();
        if (isNew) known[Symbol.dispose]();
      },
      settle: () => former?.[Symbol.dispose](),
    });
    const { name: interfaceName } = known.link;
    this.#report(`${interfaceName}: program exchanged, ${modeText(known.mode)}`, {
      ...{ event: "programExchanged", level: "notice", interfaceName },
    });
    return known;
  }

  #attach(programs: HookPrograms, link: Link, hook: Hook, steps: Step[]): Attachment {
    assertNobodyElses(this.#directory, link);
    const made = attach(programs, link, hook, this.#report);
    const path = this.#pathOf(link.name);
    steps.push({
      undo: () => {
        this.#takeOff(made);
        if (path !== undefined) unpin(path);
      },
      settle: () => undefined,
    });
    if (path !== undefined) {
      unpin(path);
      made.pin(path);
    }
    this.#report(`${link.name}: attached, ${modeText(made.mode)}`, {
      ...{ event: "programAttached", level: "notice", interfaceName: link.name },
    });
    return made;
  }

  /** What is on the interface already, of this process or of one before. */
  #known(link: Link): Attachment | undefined {
    const own = this.#all.find((one) => one.link.index === link.index && one.link.name === link.name);
    if (own?.isThere() === true) return own;
    const path = this.#pathOf(link.name);
    return path === undefined ? undefined : openAttachment(path, link);
  }

  #takeOff(attachment: Attachment): void {
    if (this.#gone.has(attachment)) return;
    this.#gone.add(attachment);
    using gone = attachment;
    if (gone.isThere()) gone.detach();
  }

  /** Takes off what is pinned for interfaces that are not, or no longer, of this director. */
  #dropStrays(): void {
    if (this.#folder === undefined || !existsSync(this.#folder)) return;
    const kept = new Set(this.#all.map(({ link }) => this.#pathOf(link.name)));
    for (const path of readdirSync(this.#folder).map((name) => join(this.#folder ?? "", name))) {
      if (kept.has(path)) continue;
      detachPinned(path);
    }
  }

  /** Names in the bpf file system hold no dots (kernel/bpf/inode.c), names of interfaces may. */
  #pathOf(interfaceName: string): string | undefined {
    return this.#folder && join(this.#folder, interfaceName.replaceAll(".", ":"));
  }
}
