// What the scenario `tools` has found out: programs that people know, from their distribution, through the director.

/** Requests of one kind to servers of one kind. */
export interface ToolRequests {
  readonly asked: number;
  readonly answered: number;
  /** Answers by server. */
  readonly byServer: Readonly<Record<string, number>>;
  /** What went wrong, the program's own words, each once. */
  readonly failures: readonly string[];
  /** Lines about a request in the servers' own logs, and in how many of them a client of ours stands. */
  readonly logged: number;
  readonly loggedAsClient: number;
  /** One such line. */
  readonly logLine?: string;
}

/** A bulk transfer, bits a second as the program measured them; 0 where it failed. */
export interface BulkTransfer {
  readonly direction: "to the server" | "from the server";
  readonly bitsPerSecond: number;
  readonly bytes: number;
  readonly failure?: string;
}

/** The measurement. */
export interface ToolsMeasurement {
  /** curl asks nginx. */
  readonly web: ToolRequests;
  /** Node's resolver (c-ares) asks dnsmasq, over UDP. */
  readonly names: ToolRequests;
  /** iperf3 both ways. */
  readonly bulk: readonly BulkTransfer[];
}
