// One TCP connection of the simulated clients, with HTTP requests on it, one after the other's answer.
import { parseAnswer } from "../programs/visit.ts";
import type { Cancel } from "./event-queue.ts";
import type { HttpMessage } from "./http-message.ts";
import { HttpReader, httpBytes } from "./http-message.ts";
import type { TcpConnection } from "./tcp-connection.ts";
import type { Client, Visit } from "./visit.ts";

/** Opens the connection, sends the requests, closes it. Gives up at the first failure; calls `done` when it is over. */
export function httpVisit(client: Client, visit: Visit, done: () => void): void {
  new HttpVisit(client, visit, done).start();
}

class HttpVisit {
  readonly #client: Client;
  readonly #visit: Visit;
  readonly #done: () => void;
  readonly #reader = new HttpReader();
  readonly #servers: string[] = [];
  #connection: TcpConnection | undefined;
  #cancelTimeout: Cancel = () => undefined;
  #requests = 0;
  #askedMs = 0;

  constructor(client: Client, visit: Visit, done: () => void) {
    this.#client = client;
    this.#visit = visit;
    this.#done = done;
  }

  start(): void {
    const { local, remote } = this.#visit;
    this.#begin();
    this.#connection = this.#client.tcp.connect(local, remote, {
      opened: () => this.#ask(),
      received: (data) => this.#reader.push(data).forEach((message) => this.#take(message)),
      ended: () => {
        if (this.#requests < this.#visit.requests) this.#fail("ECONNRESET");
        this.#connection?.end();
      },
      closed: (cause) => {
        if (cause !== undefined) this.#visit.tally.failed(cause);
        this.#finish();
      },
    });
  }

  /** Counts a request as sent and starts its clock: the first one's runs from before the handshake. */
  #begin(): void {
    this.#visit.tally.sent();
    this.#askedMs = this.#client.queue.nowMs;
    this.#cancelTimeout();
    this.#cancelTimeout = this.#client.queue.after(this.#visit.timeoutMs, () => this.#fail("timeout"));
  }

  #ask(): void {
    const { remote, requests } = this.#visit;
    const Connection = requests === 1 ? "close" : "keep-alive";
    this.#connection?.send(httpBytes(`GET /${this.#requests} HTTP/1.1`, { Host: remote.address, Connection }, ""));
  }

  #take({ startLine, body }: HttpMessage): void {
    const { local, requests, tally } = this.#visit;
    const answer = parseAnswer(body);
    if (!startLine.startsWith("HTTP/1.1 200 ") || answer === undefined) {
      this.#fail(startLine);
      return;
    }
    this.#servers.push(answer.server);
    tally.answered(answer, `${local.address}:${local.port}`, this.#client.queue.nowMs - this.#askedMs);
    this.#requests += 1;
    if (this.#requests < requests) {
      this.#begin();
      this.#ask();
      return;
    }
    this.#cancelTimeout();
    this.#cancelTimeout = this.#client.queue.after(this.#visit.timeoutMs, () => this.#connection?.abort());
    // A connection that is to be kept ends when its client has no more to ask; the other one's end is the server's.
    if (requests > 1) this.#connection?.end();
  }

  #fail(cause: string): void {
    this.#visit.tally.failed(cause);
    this.#connection?.abort();
  }

  #finish(): void {
    this.#cancelTimeout();
    if (this.#connection === undefined) return;
    this.#connection = undefined;
    this.#visit.tally.visited(this.#servers);
    this.#done();
  }
}
