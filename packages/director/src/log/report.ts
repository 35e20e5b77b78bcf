// How every part of the director says that something happened: one line for people and, beside it, the same as facts
// for programs. Whoever runs the director makes log lines of it and events of the API; what reports knows neither.
import type { ConfigurationDiff } from "../change/diff.ts";
import type { ProgramFate } from "../change/planned-change.ts";

/** How much it matters, by the names of syslog (RFC 5424 §6.2.1). */
export const levels = ["error", "warning", "notice", "info"] as const;

/** One of these. */
export type Level = (typeof levels)[number];

/** What can happen, by names that stay. */
export const eventNames = [
  /** The director is up. */
  "ready",
  "stopped",
  /** It could not be started, or ended by an error. */
  "failed",
  /** Another configuration runs; `program` says by which program. */
  "configurationChanged",
  "configurationRefused",
  /** A change that waited for it stays. */
  "configurationConfirmed",
  /** A change that nobody confirmed is taken back. */
  "configurationTakenBack",
  /** Checks took a server out, or gave it back. */
  "serverDown",
  "serverUp",
  /** Too few servers of a service are up, or enough again. */
  "quorumLost",
  "quorumReached",
  /** A server or service has drained, or its time is up. */
  "drained",
  /** A server begins to take more and more, and has its whole weight. */
  "slowStartBegun",
  "slowStartEnded",
  /** A program was put on an interface, or took another's place there. */
  "programAttached",
  "programExchanged",
  /** What ran before goes on. */
  "takenOver",
  /** Something that goes on beside the packets fails, or works again. */
  "troubleBegun",
  "troubleEnded",
  /** Somebody without the right asked the API. */
  "accessRefused",
  /** Other tokens or certificates count at the API. */
  "accessChanged",
] as const;

/** One of these. */
export type EventName = (typeof eventNames)[number];

/** What happened, for programs. */
export interface Facts {
  /** Absent: nothing changed; a remark. */
  readonly event?: EventName;
  /** Absent: `info`. */
  readonly level?: Level;
  /** Who brought it about: `PUT /v1/configuration`, `SIGHUP`, `check`, `drain`, `slowStart`, `kernel`. */
  readonly cause?: string;
  /** Name of the service. */
  readonly service?: string;
  /** `10.0.0.11:80`. */
  readonly server?: string;
  /** Why, as it came: of a check its last answer. */
  readonly reason?: string;
  readonly interfaceName?: string;
  /** Of the configuration that runs then. */
  readonly revision?: string;
  readonly program?: ProgramFate;
  readonly diff?: ConfigurationDiff;
  readonly tookMs?: number;
  /** How long a change waits to be confirmed, a server takes to start. */
  readonly withinMs?: number;
  /** Connections that are carried over, or cut. */
  readonly connections?: number;
}

/** Takes one line for people, and its facts. */
export type Report = (line: string, facts?: Facts) => void;
