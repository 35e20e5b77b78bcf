// iproute2, the one program the lab asks of the system: runs `ip`, one command or a batch, and reads its JSON.
// First stop of the road that builds the network; the hosts are made of these calls.
import { execFile } from "node:child_process";

import { LabError } from "./lab-error.ts";

const outputLimitBytes = 16 * 1024 * 1024;

/** Runs `ip` with these arguments and returns what it printed. Throws YM_LAB_COMMAND_FAILED with its words. */
export function ip(...args: readonly string[]): Promise<string> {
  return runIp(args, undefined);
}

/**
 * Runs several `ip` commands inside a namespace in one process. Stops at the first that fails and says
 * which line it was ("Command failed -:3").
 */
export async function ipBatch(namespace: string, lines: readonly string[]): Promise<void> {
  if (lines.length === 0) return;
  await runIp(["-n", namespace, "-batch", "-"], lines);
}

function runIp(args: readonly string[], input: readonly string[] | undefined): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile("ip", [...args], { maxBuffer: outputLimitBytes }, (error, stdout, stderr) => {
      if (error === null) return resolve(stdout);
      const missing = "code" in error && String(error.code) === "ENOENT";
      const said = missing ? "there is no such program; install iproute2" : stderr.trim() || error.message;
      const failedLine = input === undefined ? "" : describeBatchLine(said, input);
      reject(
        new LabError("YM_LAB_COMMAND_FAILED", `running "ip ${args.join(" ")}"${failedLine}: ${said}`, { cause: error }),
      );
    });
    // An early exit of `ip` closes the pipe while we write; its exit status tells the story, above.
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(input === undefined ? "" : `${input.join("\n")}\n`);
  });
}

/** `ip -batch` names the line that failed by number: quotes it. */
function describeBatchLine(said: string, input: readonly string[]): string {
  const number = /-:(\d+)/.exec(said)?.[1];
  const line = number === undefined ? undefined : input[Number(number) - 1];
  return line === undefined ? "" : ` (line "${line}")`;
}
