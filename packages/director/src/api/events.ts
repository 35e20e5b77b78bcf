// What happens, as server-sent events (HTML Living Standard §9.2) for whoever listens: state changes as they come, the
// latest again for who was away for a moment, and counters from time to time. A listener that does not read is let go.
import { randomBytes } from "node:crypto";
import type { Facts } from "../log/report.ts";
import { endpointText } from "../address.ts";
import { DirectorError } from "../errors.ts";
import type { CountersEvent, DirectorStatus, ServiceStatus, StateEvent, TrafficCounters } from "./types.ts";

/** Events that are kept for listeners that come back. */
const KEPT = 256;
const MOST_LISTENERS = 32;
/** Bytes that wait for a listener at most. */
const MOST_WAITING = 1024 * 1024;
/** Servers and services that a difference may have to be sent. */
const MOST_DIFFERENCES = 200;
/** Counters of more servers than this are sent by service only: they would be more than a listener may have waiting. */
const MOST_SERVERS = 1_000;
/** Something is sent so often, so that a listener that has gone is noticed. */
const ALIVE_MS = 15_000;
/** A listener that lost its connection comes back after so long. */
const RETRY_MS = 2_000;

/** What counters are made of. */
export type Traffic = Pick<DirectorStatus, "services" | "verdicts" | "connectionTable">;

/** What a listener wants. */
export interface Listening {
  /** Id of the last event that it knows; undefined: it begins now. */
  readonly after?: string | undefined;
  /** Between two counters; undefined: none. */
  readonly countersMs?: number | undefined;
}

interface Kept {
  readonly number: number;
  readonly text: string;
}

/** The events of one director. */
export class Events {
  readonly #traffic: () => Traffic | Promise<Traffic>;
  /** Numbers begin anew with each process: those of another one are told apart by this. */
  readonly #begun = randomBytes(4).toString("hex");
  readonly #kept: Kept[] = [];
  readonly #listeners = new Set<Listener>();
  #count = 0;

  constructor(traffic: () => Traffic | Promise<Traffic>) {
    this.#traffic = traffic;
  }

  /** Tells all listeners that something changed; remarks (without an event) are nothing to them. */
  publish(message: string, facts: Facts = {}): void {
    const { event, level = "info", diff, ...others } = facts;
    if (event === undefined) return;
    const small = diff !== undefined && sizeOf(diff) <= MOST_DIFFERENCES ? { diff } : {};
    const data: StateEvent = { atMs: Date.now(), event, level, message, ...others, ...small };
    this.#count += 1;
    const text = eventText({ event: "state", id: `${this.#begun}-${this.#count}`, data });
    this.#kept.push({ number: this.#count, text });
    if (this.#kept.length > KEPT) this.#kept.shift();
    for (const listener of this.#listeners) listener.send(text);
  }

  /** A stream for one more listener. Throws a DirectorError, YM_API_BUSY, where there are too many. */
  listen({ after, countersMs }: Listening): ReadableStream<Uint8Array> {
    if (this.#listeners.size >= MOST_LISTENERS) {
      throw new DirectorError("YM_API_BUSY", `${MOST_LISTENERS} listen to events already`);
    }
    const listener = new Listener((gone) => this.#listeners.delete(gone));
    this.#listeners.add(listener);
    listener.send(`retry: ${RETRY_MS}\n\n${this.#missed(after)}`);
    listener.repeat(ALIVE_MS, () => listener.send(": alive\n\n"));
    if (countersMs !== undefined) this.#sendCounters(listener, countersMs);
    return listener.stream;
  }

  /** Sends counters now and from time to time; reading those of many servers takes a while. */
  #sendCounters(listener: Listener, everyMs: number): void {
    let isReading = false;
    const send = async (reading: Traffic | Promise<Traffic>): Promise<void> => {
      isReading = true;
      try {
        listener.send(eventText({ event: "counters", data: countersOf(await reading) }));
      } catch {
        // It may come again and hear why.
        listener.end();
      }
      isReading = false;
    };
    void send(this.#traffic());
    listener.repeat(everyMs, () => {
      if (!isReading) void send(this.#traffic());
    });
  }

  /** Ends all streams. */
  close(): void {
    for (const listener of this.#listeners) listener.end();
  }

  /** What came after an event; where that is not known, the word that something is missing. */
  #missed(after: string | undefined): string {
    if (after === undefined) return "";
    const [begun, digits] = after.split("-");
    const number = Number(digits);
    const isKnown = begun === this.#begun && number <= this.#count && number >= this.#count - this.#kept.length;
    if (!isKnown) return eventText({ event: "gap", data: {} });
    return this.#kept.flatMap((one) => (one.number > number ? [one.text] : [])).join("");
  }
}

/** One that listens. */
class Listener {
  readonly stream: ReadableStream<Uint8Array>;
  readonly #onEnd: (listener: Listener) => void;
  readonly #timers: NodeJS.Timeout[] = [];
  #controller: ReadableStreamDefaultController<Uint8Array> | undefined;

  constructor(onEnd: (listener: Listener) => void) {
    this.#onEnd = onEnd;
    this.stream = new ReadableStream<Uint8Array>(
      { start: (controller) => void (this.#controller = controller), cancel: () => this.#release() },
      new ByteLengthQueuingStrategy({ highWaterMark: MOST_WAITING }),
    );
  }

  send(text: string): void {
    const controller = this.#controller;
    if (controller === undefined) return;
    // Who has not read a megabyte is not reading: it may come back, with the id of what it knows.
    if ((controller.desiredSize ?? 0) <= 0) this.end();
    else controller.enqueue(new TextEncoder().encode(text));
  }

  repeat(ms: number, doSo: () => void): void {
    this.#timers.push(setInterval(doSo, ms).unref());
  }

  end(): void {
    this.#controller?.close();
    this.#release();
  }

  #release(): void {
    this.#controller = undefined;
    for (const timer of this.#timers.splice(0)) clearInterval(timer);
    this.#onEnd(this);
  }
}

function eventText({
  event,
  id,
  data,
}: {
  readonly event: string;
  readonly id?: string;
  readonly data: object;
}): string {
  return `event: ${event}\n${id === undefined ? "" : `id: ${id}\n`}data: ${JSON.stringify(data)}\n\n`;
}

function sizeOf({ services }: NonNullable<Facts["diff"]>): number {
  return services.reduce((sum, { servers }) => sum + 1 + servers.length, 0);
}

function countersOf({ services, verdicts, connectionTable }: Traffic): CountersEvent {
  const isMany = services.reduce((sum, { servers }) => sum + servers.length, 0) > MOST_SERVERS;
  return {
    ...{ atMs: Date.now(), connectionTable, verdicts },
    services: services.map((service) => ({
      name: service.name,
      ...counted(service),
      servers: (isMany ? [] : service.servers).map((server) => ({
        ...{ server: endpointText(server.address, server.port), weight: server.weight },
        ...counted(server),
      })),
    })),
  };
}

function counted(of: TrafficCounters & Pick<ServiceStatus, "perSecond">) {
  const { activeConnections, inactiveConnections, persistentClients, connections, packetsIn, bytesIn } = of;
  return {
    ...{ activeConnections, inactiveConnections, persistentClients, connections, packetsIn, bytesIn },
    ...(of.packetsOut !== undefined && { packetsOut: of.packetsOut }),
    ...(of.bytesOut !== undefined && { bytesOut: of.bytesOut }),
    ...(of.perSecond !== undefined && { perSecond: of.perSecond }),
  };
}
