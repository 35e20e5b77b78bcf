// What the client is told to do and what the servers are started with: messages and arguments of programs/.
import type { Protocol } from "@yardmaster/director";

export interface Endpoint {
  readonly address: string;
  readonly port: number;
}

/** One connection, or one UDP flow. */
export interface Visit {
  readonly from: Endpoint;
  readonly to: Endpoint;
  /** How many connections are opened behind this one before it is closed. UDP knows no closing. */
  readonly lifetime: number;
}

/** Visits, one after another. The answer is a string for each: the server's name, or the code of the failure. */
export interface VisitJob {
  readonly protocol: Protocol;
  readonly visits: readonly Visit[];
}

/** Closes what the last job has left open; the answer comes when both ends have closed. */
export const CLOSE = "close";

/** Where a server listens. */
export interface Listener {
  readonly protocol: Protocol;
  readonly port: number;
  readonly address: string;
}

/** What a server program is started with. */
export interface ServerOptions {
  readonly name: string;
  readonly listeners: readonly Listener[];
}
