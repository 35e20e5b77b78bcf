// What a soak does to its director: each act makes something other and knows what must run afterwards.
import { setTimeout as sleep } from "node:timers/promises";
import { type MadeChange, parseConfiguration } from "@yardmaster/director";

import { endpointText } from "../addresses.ts";
import type { Drawn } from "./schedule.ts";
import type { SoakDirector } from "./soak-director.ts";
import { byHand, type Draw, type Wanted, wantedText, withOtherServers, withOtherShape } from "./wanted.ts";

/** So often something is drawn that takes another program. */
const mostDraws = 100;
const longestAbsenceMs = 600;

/** What was done. */
export interface Done {
  readonly kind: Drawn;
  readonly detail: string;
}

/** What it needs. */
export interface DisturberOptions {
  readonly director: SoakDirector;
  readonly draw: () => Draw;
  readonly anomaly: (what: string) => void;
}

/** Disturbs one director. */
export class Disturber {
  readonly #options: DisturberOptions;
  #wanted: Wanted;

  constructor(wanted: Wanted, options: DisturberOptions) {
    this.#wanted = wanted;
    this.#options = options;
  }

  /** What runs. */
  get wanted(): Wanted {
    return this.#wanted;
  }

  /** Does something of a kind; what it was in the end. */
  async do(kind: Drawn): Promise<Done> {
    if (kind === "hand") return await this.#byHand();
    if (kind === "kill" || kind === "restart") return await this.#replace(kind);
    return await this.#put(kind === "swap" ? await this.#otherShape() : withOtherServers(this.#wanted, this.#draw));
  }

  get #draw(): Draw {
    return this.#options.draw();
  }

  /** One that the program at work cannot serve, if chance finds one. */
  async #otherShape(): Promise<Wanted> {
    const { client } = this.#options.director;
    for (let draws = 1; ; draws += 1) {
      const wanted = withOtherShape(this.#wanted, this.#draw);
      const { program } = await client.plan(wantedText(wanted));
      if (program.program === "exchanged" || draws === mostDraws) return wanted;
    }
  }

  /** Another configuration, by one way or the other. */
  async #put(wanted: Wanted): Promise<Done> {
    const { director } = this.#options;
    const text = wantedText(wanted);
    if (this.#draw.random.chance(0.5)) {
      const { fate, line } = await director.reload(text);
      this.#wanted = wanted;
      return { kind: fate === "kept" ? "reload" : "swap", detail: line.replace("configuration: ", "") };
    }
    return this.#made(await director.client.apply(text), wanted, "PUT");
  }

  async #byHand(): Promise<Done> {
    const { director } = this.#options;
    const { wanted, change } = byHand(this.#wanted, this.#draw);
    const made = await director.client.change(change.method, change.path, change.fields);
    const { kind, detail } = this.#made(made, wanted, `${change.method} ${decodeURIComponent(change.path)}`);
    return { kind: kind === "reload" ? "hand" : kind, detail };
  }

  #made({ program }: MadeChange, wanted: Wanted, how: string): Done {
    this.#wanted = wanted;
    if (program.program === "kept") return { kind: "reload", detail: how };
    return { kind: "swap", detail: `${how}: ${program.because}` };
  }

  /** Ends the director and starts another, at times with another file. */
  async #replace(kind: "kill" | "restart"): Promise<Done> {
    const { director } = this.#options;
    const { random } = this.#draw;
    await director.end(kind === "kill" ? "SIGKILL" : "SIGTERM");
    await sleep(random.below(longestAbsenceMs));
    const isOther = random.chance(0.3);
    if (isOther) {
      const change = random.chance(0.5) ? withOtherServers : withOtherShape;
      this.#wanted = change(this.#wanted, this.#draw);
      director.write(wantedText(this.#wanted));
    }
    const taken = await director.start();
    await this.#compare(kind);
    const count = /: (\d+) entr/.exec(taken ?? "")?.[1];
    if (count === undefined || count === "0") this.#options.anomaly(`${kind}: ${taken ?? "nothing was taken over"}`);
    return { kind, detail: `${isOther ? "and another file, " : ""}${count ?? "no"} entries carried over` };
  }

  /** What runs after a restart must be what ran before, or what the changed file says. */
  async #compare(kind: string): Promise<void> {
    const { text } = await this.#options.director.client.configuration();
    const [runs, should] = [text, wantedText(this.#wanted)].map(serversOf);
    if (runs !== should) this.#options.anomaly(`after a ${kind} another configuration runs: ${runs}, not ${should}`);
  }
}

/** Services, schedulers and servers of a configuration, for comparison. */
function serversOf(text: string): string {
  const { services } = parseConfiguration(text, "what runs").configuration;
  const lines = services.map(({ name, scheduler, servers }) => {
    const own = servers.map((server) => `${endpointText(server)}*${server.weight}`).toSorted();
    return `${name} ${scheduler} ${own.join(" ")}`;
  });
  return lines.toSorted().join("; ");
}
