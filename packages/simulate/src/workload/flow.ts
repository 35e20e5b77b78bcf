// A connection as the workload has it: who, whereto, when, how long. Which server gets it is what a scheduler decides.

/** Transport protocols of the simulation. */
export const protocols = ["tcp", "udp"] as const;
export type Protocol = (typeof protocols)[number];

/** One connection. Addresses are numbers: 192.0.2.1 is 0xc0000201. */
export interface Flow {
  /** Since the simulation began. */
  readonly atMs: number;
  readonly client: number;
  readonly clientPort: number;
  readonly destination: number;
  readonly destinationPort: number;
  /** On a server of speed 1; Infinity: longer than the simulation. */
  readonly lastsMs: number;
}

/** What clients connect to: an address or a prefix, and a port or any. */
export interface Target {
  readonly address: string;
  readonly port: number | "any";
}
