// One exchange of a check with a server: what every kind of check gets and gives, so that one place (attempt.ts) holds
// the time limit and the promise that nothing stays open.
import type { Outcome } from "./streak.ts";

/** Where a check goes. */
export interface Target {
  readonly address: string;
  /** 0 only for commands, which may not need one. */
  readonly port: number;
  /** What sockets connect to in its place, and from where; absent: to it. */
  readonly dial?: { readonly address: string; readonly port: number; readonly localAddress: string };
}

/** How an exchange ended. */
export interface Answer {
  readonly outcome: Outcome;
  /** As it came: `HTTP 503 Service Unavailable`, `ECONNREFUSED`. Bounded, without control characters. */
  readonly reason: string;
}

/** An exchange under way. */
export interface Exchange {
  /** Lets go of sockets, timers and processes at once. Called exactly once, whichever way it ends. */
  close(): void;
  /** What is being waited for, for the reason of a timeout: "no answer to the request". */
  waitingFor(): string;
  /** What silence means, where it is not bad. */
  readonly silence?: Answer;
}

/**
 * Begins an exchange. `done` may be called several times and at any time after the beginner has returned; only the
 * first counts. It must not throw for anything a server does.
 */
export type Begin = (target: Target, done: (answer: Answer) => void) => Exchange;

const LONGEST_REASON = 200;
const unprintable = /[\p{Cc}\p{Cs}\u2028\u2029\u200e\u200f\u202a-\u202e]+/gu;

/** It works. */
export function good(reason: string): Answer {
  return { outcome: "good", reason: bounded(reason) };
}

/** It does not. */
export function bad(reason: string): Answer {
  return { outcome: "bad", reason: bounded(reason) };
}

/** Errors of this machine, not of the server: no descriptors, buffers, ports, processes or rights (errno(3)). */
const ownErrors = new Set([
  ...["EMFILE", "ENFILE", "ENOBUFS", "ENOMEM", "EADDRNOTAVAIL", "EADDRINUSE", "EAGAIN", "EPERM", "EACCES", "EINVAL"],
  ...["ENOENT", "ENOEXEC", "ENETDOWN"],
]);

/** What of this machine is used up, and what gives more of it. */
const lacks: Readonly<Record<string, string>> = {
  EADDRINUSE: "no local port is free (net.ipv4.ip_local_port_range)",
  EADDRNOTAVAIL: "no local port is free (net.ipv4.ip_local_port_range), or no address to ask from",
  EMFILE: "the director has no file descriptor left (LimitNOFILE, ulimit -n)",
  ENFILE: "this machine has no file descriptor left (fs.file-max)",
  ENOBUFS: "this machine has no room for another socket",
  ENOMEM: "this machine has no memory left",
  EAGAIN: "no process can be started (TasksMax, ulimit -u)",
};

/** What an error of a socket or of starting a process says. */
export function failed(error: Error): Answer {
  const code = "code" in error && typeof error.code === "string" ? error.code : undefined;
  // Node's own words for an end that was not bound.
  const message = error.message.replace(/ - Local \((undefined:undefined|0\.0\.0\.0:0|:::0)\)$/, "");
  const told = code === undefined || message.includes(code) ? message : `${code}: ${message}`;
  const lack = code === undefined ? undefined : lacks[code];
  const reason = lack === undefined ? told : `${lack}: ${told}`;
  return { outcome: code !== undefined && ownErrors.has(code) ? "unknown" : "bad", reason: bounded(reason) };
}

/** Text of a server's as it can be shown: short and without what a terminal would act on. */
function bounded(text: string): string {
  const clean = text.slice(0, 2 * LONGEST_REASON).replaceAll(unprintable, " ");
  return clean.length > LONGEST_REASON ? `${clean.slice(0, LONGEST_REASON - 1)}…` : clean;
}
