// What the command line hands to the daemon: the contract of runDirector (run.ts).
import type { TcpApiOptions } from "./api/endpoint.ts";
import type { Report } from "./log/report.ts";
import type { Configuration } from "./model/configuration.ts";

/** Everything that `runDirector` needs to know. */
export interface RunDirectorOptions {
  /** Checked already, against this machine's network too. */
  readonly configuration: Configuration;
  /** The text that it was read from. */
  readonly text: string;
  /** Reads the file again when somebody asks for that; absent: nobody can. */
  readonly reload?: Reload;
  /** Where instances keep what the next director must know; undefined: it is told nothing. */
  readonly stateDirectory?: string | undefined;
  /** Where the configuration came from; for status and messages. */
  readonly fileName: string;
  /** What it is kept under when this process ends, and found again by the next one; undefined: it ends with it. */
  readonly instance?: string | undefined;
  /** Path of the Unix socket that the API answers on. */
  readonly socketPath: string;
  /** How the API is reached besides by its owner on that socket; absent: it is not. */
  readonly api?: ApiAccess;
  /** Version of the product, for status. */
  readonly version: string;
  /** Aborted by SIGINT or SIGTERM: detach, leave nothing behind, resolve. */
  readonly signal: AbortSignal;
  /** Takes what happens: what was attached where and why, that the director is ready, that it stopped. */
  readonly report: Report;
}

/** Who else may use the API. */
export interface ApiAccess {
  /** A group's name or number: its members may use the Unix socket. */
  readonly group?: string | undefined;
  /** Undefined: nobody is heard over TCP. */
  readonly tcp?: TcpApiOptions | undefined;
}

/** How a director comes to the file again. */
export interface Reload {
  /** Calls `listener` with the cause (`SIGHUP`) whenever it is to be read; returns what ends that. */
  readonly listen: (listener: (cause: string) => void) => () => void;
  readonly read: () => Promise<string>;
}

/**
 * Brings the director up and resolves when it has stopped and detached after `signal` was aborted. Rejects with an
 * error for people (a `code`, a clear message, perhaps a `hint`), with nothing left attached.
 */
export type RunDirector = (options: RunDirectorOptions) => Promise<void>;
