// Who changes the configuration of a running director: files that are applied, single servers and services, what was
// not confirmed in time. Each change is validated and planned whole, then made, and is one line of the log.

import { randomBytes } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import type { ParsedConfiguration } from "../config/parse-configuration.ts";
import { noteWork } from "../engine.ts";
import { DirectorError } from "../errors.ts";
import { endpointOf, identityOf } from "../live/service.ts";
import type { Report } from "../log/report.ts";
import type { Configuration } from "../model/configuration.ts";
import type { Destination, VirtualService } from "../model/virtual-service.ts";
import { type ConfigurationDiff, type ConnectionsOf, diff, isEmpty } from "./diff.ts";
import { diffLine } from "./diff-text.ts";
import type { MadeChange, PlannedChange, ProgramFate } from "./planned-change.ts";
import { type Edit, type Place, Written } from "./written.ts";

/** What runs a configuration. */
export interface Changeable {
  readonly configuration: Configuration;
  apply(configuration: Configuration): ProgramFate;
  /** Why another program is needed; undefined: it is not. */
  lackFor(configuration: Configuration): string | undefined;
  readonly connectionsOf: ConnectionsOf;
}

/** What a keeper needs. */
export interface KeeperOptions {
  readonly director: Changeable;
  /** What the director was brought up with. */
  readonly text: string;
  /** Throws ConfigurationError with all faults. */
  readonly parse: (text: string) => ParsedConfiguration;
  readonly report: Report;
  /** Something is to be written down for the next director. */
  readonly onChange?: () => void;
}

/** How a change comes about. */
export interface ChangeOptions {
  /** For the log: `PUT /v1/configuration`, `SIGHUP`. */
  readonly cause: string;
  /** The revision that it is meant for; another one is refused. */
  readonly revision?: string | undefined;
  /** It is taken back after so long unless somebody confirms it. */
  readonly confirmWithinMs?: number | undefined;
  /** It undoes one that waited to be confirmed. */
  readonly takesBack?: true;
}

/** A change that waits to be confirmed. */
export interface Pending {
  readonly before: string;
  readonly untilMs: number;
  readonly withinMs: number;
}

/** The change that made the configuration what it is. */
export interface LastChange {
  readonly cause: string;
  /** Unix time in milliseconds. */
  readonly atMs: number;
}

/** The longest that a change may wait: later nobody remembers it. */
export const MOST_CONFIRM_MS = 86_400_000;

/** The cause of what nobody asked for. */
const NOT_CONFIRMED = "not confirmed in time: taken back";

/** The configuration of one director. */
export class Keeper implements Disposable {
  readonly #options: KeeperOptions;
  readonly #begun = randomBytes(6).toString("hex");
  /** What came to nothing and is in the log. */
  readonly #reported = new WeakSet<Error>();
  #count = 0;
  #lastChange: LastChange | undefined;
  #written: Written;
  #pending: (Pending & { readonly timer: NodeJS.Timeout }) | undefined;

  constructor(options: KeeperOptions) {
    this.#options = options;
    this.#written = new Written(options.text);
  }

  /** Other after each change. */
  get revision(): string {
    return `${this.#begun}-${this.#count}`;
  }

  /** The file for what runs. */
  get text(): string {
    return this.#written.text;
  }

  /** The same, as it can be kept. */
  get parts(): Written["parts"] {
    return this.#written.parts;
  }

  /** The same as plain data. */
  toData(): unknown {
    return this.#written.toData();
  }

  /** Undefined: nothing has changed since the director was brought up. */
  get lastChange(): LastChange | undefined {
    return this.#lastChange;
  }

  get pending(): Pending | undefined {
    if (this.#pending === undefined) return undefined;
    const { timer: _timer, ...pending } = this.#pending;
    return pending;
  }

  /** What a text would change. Throws ConfigurationError. */
  plan(text: string): PlannedChange {
    return this.#planned(this.#options.parse(text));
  }

  /** Makes a text the configuration. Whatever fails, nothing has changed. */
  put(text: string, options: ChangeOptions): MadeChange {
    this.#assertFree(options);
    return this.#make(new Written(text), this.#options.parse(text), options);
  }

  /** Puts single things into the text. */
  edit(edits: readonly Edit[], options: ChangeOptions): MadeChange {
    this.#assertFree(options);
    const written = this.#written.with(...edits);
    return this.#make(written, this.#options.parse(written.text), options);
  }

  /** Gives a server another weight: the one change that is made without reading the whole file anew. */
  setWeight(place: ServerPlace, weight: number, options: ChangeOptions): MadeChange {
    this.#assertFree(options);
    const { configuration } = this.#options.director;
    const { service, at } = place;
    const servers = service.servers.map((server, index) => (index === at ? { ...server, weight } : server));
    const services = configuration.services.map((one) => (one === service ? { ...service, servers } : one));
    const written = this.#written.with({ do: "set", place: [...placeOf(place), "weight"], value: weight });
    return this.#make(written, { configuration: { ...configuration, services }, warnings: [] }, options);
  }

  /** The service of a name. Throws a DirectorError, YM_CHANGE_NO_SERVICE. */
  service(name: string): VirtualService {
    const found = this.#options.director.configuration.services.find((service) => service.name === name);
    if (found !== undefined) return found;
    throw new DirectorError("YM_CHANGE_NO_SERVICE", `there is no service "${name}"`);
  }

  /** Where a server stands, by its address and port; the port may be missing where that is clear. */
  server(name: string, endpoint: string): ServerPlace {
    const service = this.service(name);
    const written = service.servers.filter((server) => server.isSorry !== true);
    const found = written.filter((server) => isNamed(server, endpoint));
    const [server] = found;
    if (server === undefined || found.length > 1) {
      const problem = server === undefined ? "has no server" : "has several servers";
      const message = `service "${name}" ${problem} ${endpoint}`;
      throw new DirectorError("YM_CHANGE_NO_SERVER", message, { hint: `it has ${written.map(endpointOf).join(", ")}` });
    }
    return { service, server, at: service.servers.indexOf(server) };
  }

  /** Whether the log has said of an error that it made a change come to nothing. */
  hasReported(error: unknown): boolean {
    return error instanceof Error && this.#reported.has(error);
  }

  /** The change that waits stays. Throws a DirectorError, YM_CHANGE_NOT_PENDING. */
  confirm(): void {
    clearTimeout(this.#assertPending().timer);
    this.#pending = undefined;
    this.#options.report("configuration: confirmed", {
      ...{ event: "configurationConfirmed", level: "notice", revision: this.revision },
    });
    this.#options.onChange?.();
  }

  /** The change that waits is taken back now. Throws a DirectorError, YM_CHANGE_NOT_PENDING, or why it cannot be. */
  rollBack(cause: string): MadeChange {
    const pending = this.#assertPending();
    this.#pending = undefined;
    try {
      const made = this.put(pending.before, { cause, takesBack: true });
      clearTimeout(pending.timer);
      return made;
    } catch (error) {
      // It goes on waiting: its time may still be up.
      this.#pending = pending;
      throw error;
    }
  }

  /** Waits for a confirmation; also of a change that a director before this one made. */
  await(pending: Pending): void {
    const left = Math.min(Math.max(0, pending.untilMs - Date.now()), pending.withinMs);
    const timer = setTimeout(() => this.#takeBack(), left);
    timer.unref();
    this.#pending = { ...pending, timer };
    this.#options.onChange?.();
  }

  [Symbol.dispose](): void {
    if (this.#pending !== undefined) clearTimeout(this.#pending.timer);
  }

  #takeBack(): void {
    const pending = this.#pending;
    this.#pending = undefined;
    if (pending === undefined) return;
    try {
      this.put(pending.before, { cause: NOT_CONFIRMED, takesBack: true });
    } catch (error) {
      const reason = (error as Error).message;
      this.#options.report(`configuration: taking back what was not confirmed failed: ${reason}`, {
        ...{ event: "configurationRefused", level: "error", cause: NOT_CONFIRMED, reason },
      });
    }
    this.#options.onChange?.();
  }

  #assertFree({ revision }: ChangeOptions): void {
    if (this.#pending !== undefined) {
      const left = Math.max(0, Math.ceil((this.#pending.untilMs - Date.now()) / 1000));
      throw new DirectorError("YM_CHANGE_PENDING", `the change before this one waits to be confirmed, ${left} s more`, {
        hint: "`yardmaster confirm` keeps it, `yardmaster rollback` takes it back; then come again",
      });
    }
    if (revision !== undefined && revision !== this.revision) {
      throw new DirectorError("YM_CHANGE_REVISION", "the configuration has been changed meanwhile", {
        hint: "read it again, and make the change in what it is now",
      });
    }
  }

  #assertPending(): Pending & { readonly timer: NodeJS.Timeout } {
    if (this.#pending !== undefined) return this.#pending;
    throw new DirectorError("YM_CHANGE_NOT_PENDING", "no change waits to be confirmed");
  }

  #planned({ configuration, warnings }: ParsedConfiguration): PlannedChange {
    const { director } = this.#options;
    const because = director.lackFor(configuration);
    return {
      diff: diff(director.configuration, configuration, director.connectionsOf),
      program: because === undefined ? { program: "kept" } : { program: "exchanged", because },
      warnings,
    };
  }

  #make(
    written: Written,
    parsed: ParsedConfiguration,
    { cause, confirmWithinMs, takesBack }: ChangeOptions,
  ): MadeChange {
    const { director, report, onChange } = this.#options;
    const changes = diff(director.configuration, parsed.configuration, director.connectionsOf);
    const before = confirmWithinMs === undefined ? "" : this.text;
    if (!isDeepStrictEqual(director.configuration.api, parsed.configuration.api)) {
      report(`configuration: ${cause}: api is another one: it counts when the director is started again`, {
        ...{ level: "notice", cause },
      });
    }
    if (isEmpty(changes)) {
      this.#written = written;
      return { diff: changes, program: { program: "kept" }, warnings: parsed.warnings, revision: this.revision };
    }
    const started = performance.now();
    let program: ProgramFate;
    try {
      program = director.apply(keepSame(director.configuration, parsed.configuration, changes));
    } catch (error) {
      const reason = (error as Error).message;
      this.#reported.add(error as Error);
      report(`configuration: ${cause}: failed, nothing has changed: ${reason}`, {
        ...{ event: "configurationRefused", level: "error", cause, reason },
      });
      throw error;
    }
    this.#written = written;
    this.#count += 1;
    this.#lastChange = { cause, atMs: Date.now() };
    const fate = program.program === "kept" ? "program kept" : `program exchanged: ${program.because}`;
    const tookMs = Math.ceil(performance.now() - started);
    const wait = confirmWithinMs === undefined ? "" : `, to be confirmed within ${confirmWithinMs / 1000} s`;
    report(`configuration: ${cause}: ${diffLine(changes)}; ${fate}, ${tookMs} ms${wait}`, {
      ...{ event: takesBack ? "configurationTakenBack" : "configurationChanged", level: "notice", cause },
      ...{ revision: this.revision, program, diff: changes, tookMs },
      ...(confirmWithinMs !== undefined && { withinMs: confirmWithinMs }),
    });
    if (confirmWithinMs === undefined) onChange?.();
    else this.await({ before, untilMs: Date.now() + confirmWithinMs, withinMs: confirmWithinMs });
    noteWork();
    const made = { diff: changes, program, warnings: parsed.warnings, revision: this.revision };
    return confirmWithinMs === undefined ? made : { ...made, confirmWithinMs };
  }
}

/** A server of the configuration. */
export interface ServerPlace {
  readonly service: VirtualService;
  readonly server: Destination;
  /** Its index in the list. */
  readonly at: number;
}

/** Where a server is written. */
export function placeOf({ service, at }: ServerPlace): Place {
  return ["services", service.name, "servers", at];
}

function isNamed(server: Destination, name: string): boolean {
  return endpointOf(server) === name || server.address === name;
}

/** Services and servers that are as before stay the same objects: who compares them can do so by identity. */
function keepSame(before: Configuration, after: Configuration, changes: ConfigurationDiff): Configuration {
  const known = new Map(before.services.map((service) => [identityOf(service), service]));
  const changed = new Set(changes.services.map(({ name }) => name));
  const services = after.services.map((service) => {
    const same = known.get(identityOf(service));
    return same === undefined || changed.has(service.name) ? service : same;
  });
  return { ...after, services };
}
