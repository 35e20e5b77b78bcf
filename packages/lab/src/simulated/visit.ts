// What a visit of the simulated clients is: one connection or flow, and what it is made with.
import type { Tally } from "../programs/tally.ts";
import type { EventQueue } from "./event-queue.ts";
import type { Endpoint, TcpStack } from "./tcp-stack.ts";
import type { UdpStack } from "./udp-stack.ts";

/** The client host. */
export interface Client {
  readonly queue: EventQueue;
  readonly tcp: TcpStack;
  readonly udp: UdpStack;
}

/** One connection or flow: from where to where, how many requests, and where to note what comes of them. */
export interface Visit {
  readonly local: Endpoint;
  readonly remote: Endpoint;
  readonly requests: number;
  readonly timeoutMs: number;
  readonly tally: Tally;
}
