// One TCP connection of the simulated clients that stays open until it is told to end, with HTTP requests on it.
import type { Connect, OpenConnection, Way } from "../mixed/mixer.ts";
import { parseAnswer } from "../programs/visit.ts";
import { HttpReader, httpBytes } from "./http-message.ts";
import type { TcpConnection } from "./tcp-connection.ts";
import type { Client } from "./visit.ts";

/** In simulated time: for a request, and for the server to close after us. */
const TIMEOUT_MS = 10_000;
const FIRST_LOCAL_PORT = 20_000;

/** How this client opens connections, each from a port of its own. */
export function connectFrom(client: Client): Connect {
  let port = FIRST_LOCAL_PORT;
  return async (way) => {
    const connection = new SimulatedConnection(client, way, port++);
    connection.server = await connection.opened.then(() => connection.ask());
    return connection;
  };
}

class SimulatedConnection implements OpenConnection {
  readonly opened: Promise<void>;
  server = "";
  readonly #client: Client;
  readonly #way: Way;
  readonly #reader = new HttpReader();
  readonly #connection: TcpConnection;
  readonly #over = Promise.withResolvers<void>();
  #answer: PromiseWithResolvers<string> | undefined;

  constructor(client: Client, way: Way, localPort: number) {
    this.#client = client;
    this.#way = way;
    const opened = Promise.withResolvers<void>();
    this.opened = this.#inTime(opened);
    this.#connection = client.tcp.connect({ address: way.localAddress, port: localPort }, way, {
      opened: opened.resolve,
      received: (data) => {
        for (const { startLine, body } of this.#reader.push(data)) {
          const server = startLine.startsWith("HTTP/1.1 200 ") ? parseAnswer(body)?.server : undefined;
          if (server === undefined) this.#answer?.reject(causedBy(startLine));
          else this.#answer?.resolve(server);
        }
      },
      ended: () => this.#connection.end(),
      closed: (cause) => {
        this.#over.resolve();
        const lost = causedBy(cause ?? "ECONNRESET");
        opened.reject(lost);
        this.#answer?.reject(lost);
      },
    });
  }

  ask(): Promise<string> {
    this.#answer = Promise.withResolvers<string>();
    const { address } = this.#way;
    this.#connection.send(httpBytes("GET / HTTP/1.1", { Host: address, Connection: "keep-alive" }, ""));
    return this.#inTime(this.#answer);
  }

  end(): Promise<void> {
    this.#connection.end();
    return this.#inTime(this.#over);
  }

  /** The promise, or its failure once its time is up. */
  #inTime<T>({ promise, reject }: PromiseWithResolvers<T>): Promise<T> {
    const cancel = this.#client.queue.after(TIMEOUT_MS, () => {
      reject(causedBy("timeout"));
      this.#connection.abort();
    });
    return promise.finally(cancel);
  }
}

function causedBy(code: string): Error {
  return Object.assign(new Error(`a simulated connection: ${code}`), { code });
}
