// What the lab tells the traffic program to send, and what that program reports: messages over its channel.
// Shared by traffic.ts (the lab's side) and programs/client.ts (on the client host).

/** Traffic for one service. */
export interface TrafficJob {
  readonly protocol: "tcp" | "udp";
  readonly address: string;
  readonly port: number;
  readonly clientAddresses: readonly string[];
  /** Requests in all, over all connections. */
  readonly requests: number;
  /** Connections at a time. */
  readonly concurrency: number;
  /** Every second connection carries this many requests, the others one. */
  readonly requestsPerKeptConnection: number;
  readonly requestTimeoutMs: number;
  /** No connection is opened after so many failed requests: a dead service need not be proven dead 600 times. */
  readonly failureLimit: number;
}

/** What one request or datagram was answered with, by a real server. */
export interface ServerAnswer {
  readonly server: string;
  /** The source address and port that the server saw. */
  readonly client: string;
}

/** What came of a job. */
export interface TrafficReport {
  readonly connections: number;
  readonly sent: number;
  readonly answered: number;
  /** Failed requests by cause (`ECONNREFUSED`, `timeout`, `status 500`). */
  readonly failures: Readonly<Record<string, number>>;
  /** Answers by server. */
  readonly requestsByServer: Readonly<Record<string, number>>;
  /** Connections by the server that answered first. */
  readonly connectionsByServer: Readonly<Record<string, number>>;
  /** Connections whose later requests were answered by another server: must not happen. */
  readonly connectionsThatMoved: number;
  /** Answers whose server saw the client's own address and port. */
  readonly ownAddressSeen: number;
  /** Some of the other addresses that servers saw. */
  readonly foreignAddressesSeen: readonly string[];
  /** Servers by the client address that reached them: `{ "203.0.113.10": ["server1"] }`. */
  readonly serversByClient: Readonly<Record<string, readonly string[]>>;
  /** What the first answer said; absent when there was none. */
  readonly firstAnswer?: ServerAnswer;
  readonly latencyMs: { readonly p50: number; readonly p90: number; readonly p99: number; readonly max: number };
}
