// Checks by a program of the operator's: in a process group of its own, which is killed whole when its time is up, and
// also when it has ended, for what it may have left behind.
import { spawn } from "node:child_process";
import type { Readable } from "node:stream";
import type { Probe } from "../model/check.ts";
import { bad, type Begin, failed, good } from "./exchange.ts";

/** So much of what it writes is kept; the rest is read and forgotten. */
const LONGEST_OUTPUT = 400;
/** Between two reads of what is only forgotten. */
const PAUSE_MS = 10;

/**
 * A command check: status 0 is good. The program gets YARDMASTER_ADDRESS and YARDMASTER_PORT, and of this process's
 * environment PATH alone; it reads nothing.
 */
export function command({ command: words }: Extract<Probe, { readonly kind: "command" }>): Begin {
  const [program, ...parameters] = words;
  return ({ address, port }, done) => {
    const child = spawn(program, parameters, {
      detached: true,
      stdio: ["ignore", "pipe", "pipe"],
      cwd: "/",
      env: {
        PATH: process.env["PATH"] ?? "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        YARDMASTER_ADDRESS: address,
        ...(port !== 0 && { YARDMASTER_PORT: String(port) }),
      },
    });
    const pauses = new Set<NodeJS.Timeout>();
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (bytes: Buffer) => {
        if (output.length < LONGEST_OUTPUT) output += bytes.toString("utf8").slice(0, LONGEST_OUTPUT);
        else rest(stream, pauses);
      });
      stream.on("error", () => {});
    }
    child.on("error", (error) => done(failed(error)));
    child.once("exit", (status, signal) => {
      const said = output.trim().split("\n")[0] ?? "";
      const end = signal === null ? `status ${status}` : signal;
      // What it wrote last may still be in the pipe: the status is what counts.
      done((status === 0 ? good : bad)(said === "" ? end : `${end}: ${said}`));
    });
    return {
      close: () => {
        killGroup(child.pid);
        for (const pause of pauses) clearTimeout(pause);
        child.stdout.destroy();
        child.stderr.destroy();
        child.unref();
      },
      waitingFor: () => "the command did not end",
    };
  };
}

/** A flood must not keep the event loop from other checks; who writes it waits. */
function rest(stream: Readable, pauses: Set<NodeJS.Timeout>): void {
  stream.pause();
  const pause = setTimeout(() => {
    pauses.delete(pause);
    stream.resume();
  }, PAUSE_MS);
  pauses.add(pause);
}

/** As long as anything of a group is left, no process gets its number (kernel/pid.c). */
function killGroup(leader: number | undefined): void {
  if (leader === undefined) return;
  try {
    process.kill(-leader, "SIGKILL");
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
  }
}
