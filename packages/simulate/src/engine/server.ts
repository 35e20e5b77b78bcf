// A real server as the simulation has it: it works on connections for as long as they ask, quicker or slower than
// others, on as many at once as it has workers; the rest wait in the order they came.
import type { EventQueue } from "@yardmaster/lab/simulated";
import type { ServerSpec } from "../settings/servers.ts";

interface Job {
  readonly workMs: number;
  readonly onDone: () => void;
}

/** One real server. */
export class Server {
  /** Connections that it has, those that wait included. */
  open = 0;
  readonly #queue: EventQueue;
  readonly #spec: ServerSpec;
  readonly #waiting: Job[] = [];
  #busy = 0;

  constructor(queue: EventQueue, spec: ServerSpec) {
    this.#queue = queue;
    this.#spec = spec;
  }

  /** Takes a connection; `workMs` on a server of speed 1, Infinity: it never ends. */
  serve(workMs: number, onDone: () => void): void {
    this.open += 1;
    const job = { workMs, onDone };
    if (this.#busy < this.#spec.workers) this.#start(job);
    else this.#waiting.push(job);
  }

  #start({ workMs, onDone }: Job): void {
    this.#busy += 1;
    if (!Number.isFinite(workMs)) return;
    this.#queue.after(workMs / this.#spec.speed, () => {
      this.#busy -= 1;
      this.open -= 1;
      onDone();
      const next = this.#waiting.shift();
      if (next !== undefined) this.#start(next);
    });
  }
}
