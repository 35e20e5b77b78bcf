// Plays a workload against one scheduler: events in simulated time, each packet through the data plane's bytecode.
// A connection goes to the server that the program sends its first packet to, and lasts as long as that server takes.
import type { SchedulerName } from "@yardmaster/dataplane";
import { EventQueue } from "@yardmaster/lab/simulated";
import type { Simulation } from "../simulation.ts";
import type { Flow } from "../workload/flow.ts";
import { LruCache } from "./cache.ts";
import { InterpretedDirector } from "./director.ts";
import { replyFrame, requestFrame } from "./frames.ts";
import type { Lasted, Recording, ServerRecording } from "./recording.ts";
import { Server } from "./server.ts";

/** Samples are taken at the start and then this often until the end. */
const SAMPLES = 200;
/** As the daemon does. */
const REAP_EVERY_MS = 1_000;
/** From a client's packet to its next one that answers the server's. */
const ROUND_TRIP_MS = 1;
/** How often a client says something while its connection lasts. */
const TALK_EVERY_MS = 30_000;
/** Room in the connection table beyond the connections that are expected. */
const SPARE_ENTRIES = 1_024;

interface Connection {
  readonly flow: Flow;
  readonly server: number;
  readonly beganMs: number;
  isEnded: boolean;
  isBroken: boolean;
}

/** Plays the whole workload. */
export function play(simulation: Simulation, scheduler: SchedulerName): Recording {
  using run = new Run(simulation, scheduler);
  while (run.step());
  return run.finish();
}

/** A run under way. */
export class Run implements Disposable {
  readonly director: InterpretedDirector;
  readonly servers: readonly Server[];
  readonly #simulation: Simulation;
  readonly #scheduler: SchedulerName;
  readonly #queue = new EventQueue();
  readonly #flows: Iterator<Flow>;
  readonly #caches: readonly LruCache[] | undefined;
  readonly #records: readonly ServerRecording[];
  readonly #given: number[];
  readonly #atMs: number[] = [];
  readonly #lasted: Lasted[] = [];
  #refused = 0;
  #broken = 0;
  #isOver = false;

  constructor(simulation: Simulation, scheduler: SchedulerName) {
    const { servers, workload, cache, seed, protocol, forwarding, schedulerOptions, compatibility } = simulation;
    this.#simulation = simulation;
    this.#scheduler = scheduler;
    this.director = new InterpretedDirector({
      scheduler,
      schedulerOptions,
      compatibility,
      servers,
      protocol,
      forwarding,
      seed,
      target: workload.target,
      maximumConnections: 2 * workload.expected + SPARE_ENTRIES,
      nowMs: () => this.#queue.nowMs,
    });
    this.servers = servers.map((spec) => new Server(this.#queue, spec));
    this.#caches = cache === undefined ? undefined : servers.map(() => new LruCache(cache));
    this.#records = servers.map(() => emptyRecord());
    this.#given = servers.map(() => 0);
    this.#flows = workload.flows()[Symbol.iterator]();
    this.#scheduleSample();
    this.#reapLater();
    this.#awaitNext();
  }

  /** Lets the next event happen; false when the workload's time is over. */
  step(): boolean {
    return !this.#isOver && this.#queue.step();
  }

  /** Lets what is under way end, without the director, and returns what was seen. Throws where counts are wrong. */
  finish(): Recording {
    this.#isOver = true;
    const [counts, recount] = [this.director.counts(), this.director.recount()].map((each) => JSON.stringify(each));
    if (counts !== recount) throw new Error(`the director counts ${counts}, its connection table holds ${recount}`);
    while (this.#queue.step());
    return {
      scheduler: this.#scheduler,
      atMs: this.#atMs,
      servers: this.#records,
      lasted: this.#lasted,
      refused: this.#refused,
      broken: this.#broken,
      unforwarded: this.director.unforwarded(),
      packets: this.director.packets,
      instructions: this.director.instructions,
    };
  }

  [Symbol.dispose](): void {
    this.director[Symbol.dispose]();
  }

  #scheduleSample(): void {
    const { durationMs } = this.#simulation.workload;
    const dueMs = (this.#atMs.length * durationMs) / SAMPLES;
    this.#queue.after(dueMs - this.#queue.nowMs, () => {
      this.#sample();
      if (this.#atMs.length > SAMPLES) this.#isOver = true;
      else this.#scheduleSample();
    });
  }

  #sample(): void {
    this.#atMs.push(this.#queue.nowMs);
    for (const [index, { active, inactive }] of this.director.counts().entries()) {
      const record = this.#records[index];
      record?.active.push(active);
      record?.inactive.push(inactive);
      record?.open.push(this.servers[index]?.open ?? 0);
      record?.connections.push(this.#given[index] ?? 0);
    }
  }

  #reapLater(): void {
    this.#queue.after(REAP_EVERY_MS, () => {
      if (this.#isOver) return;
      this.director.reap();
      this.#reapLater();
    });
  }

  #awaitNext(): void {
    const next = this.#flows.next();
    if (next.done === true) return;
    this.#queue.after(Math.max(0, next.value.atMs - this.#queue.nowMs), () => {
      if (this.#isOver) return;
      this.#begin(next.value);
      this.#awaitNext();
    });
  }

  #begin(flow: Flow): void {
    const { protocol, forwarding } = this.#simulation;
    const index = this.director.request(requestFrame(flow, protocol, "S"));
    const server = index === undefined ? undefined : this.servers[index];
    if (index === undefined || server === undefined) {
      this.#refused += 1;
      return;
    }
    const beganMs = this.#queue.nowMs;
    const connection: Connection = { flow, server: index, beganMs, isEnded: false, isBroken: false };
    this.#given[index] = (this.#given[index] ?? 0) + 1;
    this.#visitCache(connection);
    if (forwarding === "nat") this.#answer(connection, "SA");
    this.#talkAfter(connection, ROUND_TRIP_MS);
    server.serve(flow.lastsMs, () => this.#end(connection));
  }

  #talkAfter(connection: Connection, delayMs: number): void {
    this.#queue.after(delayMs, () => {
      if (this.#isOver || connection.isEnded) return;
      this.#exchange(connection, "A");
      this.#talkAfter(connection, TALK_EVERY_MS);
    });
  }

  #end(connection: Connection): void {
    const { beganMs, server } = connection;
    connection.isEnded = true;
    const isCounted = beganMs >= this.#simulation.warmUpMs;
    if (isCounted) this.#lasted.push({ server, tookMs: this.#queue.nowMs - beganMs });
    if (this.#isOver) return;
    // It may have been so short that the handshake was not even over; then this is the client's part of it.
    this.#exchange(connection, "A");
    if (this.#simulation.protocol === "udp") return;
    this.#exchange(connection, "FA");
    this.#queue.after(ROUND_TRIP_MS, () => {
      if (!this.#isOver) this.#say(connection, "A");
    });
  }

  /** A packet of the client's, and the server's to match where the director sees it. */
  #exchange(connection: Connection, flags: string): void {
    this.#say(connection, flags);
    if (this.#simulation.forwarding === "nat") this.#answer(connection, flags);
  }

  #say(connection: Connection, flags: string): void {
    const server = this.director.request(requestFrame(connection.flow, this.#simulation.protocol, flags));
    if (server === connection.server || connection.isBroken) return;
    connection.isBroken = true;
    this.#broken += 1;
  }

  #answer({ flow, server }: Connection, flags: string): void {
    this.director.reply(replyFrame(flow, this.#simulation.protocol, flags, server));
  }

  #visitCache({ flow, server, beganMs }: Connection): void {
    const record = this.#records[server];
    const cache = this.#caches?.[server];
    if (cache === undefined || record === undefined) return;
    const isHit = cache.visit(this.#simulation.workload.destinations === "many" ? flow.destination : flow.client);
    if (beganMs < this.#simulation.warmUpMs) return;
    record.lookups += 1;
    if (isHit) record.hits += 1;
  }
}

function emptyRecord(): ServerRecording {
  return { active: [], inactive: [], open: [], connections: [], lookups: 0, hits: 0 };
}
