// What a run leaves behind: counts at even steps of time, and what became of each connection.
import type { SchedulerName } from "@yardmaster/dataplane";
import type { Unforwarded } from "./director.ts";

/** One server over time; each list has one number for each sample. */
export interface ServerRecording {
  /** Connections as the director counts them. */
  readonly active: number[];
  readonly inactive: number[];
  /** Connections that the server itself has. */
  readonly open: number[];
  /** Connections that it has been given since the start. */
  readonly connections: number[];
  /** Times that its cache was asked after the warm-up, and had what it was asked for. */
  lookups: number;
  hits: number;
}

/** A connection that has ended, begun after the warm-up. */
export interface Lasted {
  readonly server: number;
  readonly tookMs: number;
}

/** One run: one workload, one scheduler. */
export interface Recording {
  readonly scheduler: SchedulerName;
  /** When each sample was taken. */
  readonly atMs: readonly number[];
  readonly servers: readonly ServerRecording[];
  readonly lasted: readonly Lasted[];
  /** Connections that no server was given. */
  readonly refused: number;
  /** Connections of which a packet did not go to their server. */
  readonly broken: number;
  readonly unforwarded: readonly Unforwarded[];
  /** Packets that the program ran for, and instructions that it executed. */
  readonly packets: number;
  readonly instructions: number;
}
