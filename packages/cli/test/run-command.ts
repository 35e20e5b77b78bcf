// The command as a process of its own, for tests of what it prints and how it ends.
import { execFile } from "node:child_process";
import { resolve } from "node:path";

const command = resolve(import.meta.dirname, "../bin/yardmaster.js");

export interface Outcome {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `yardmaster ARGUMENTS` in a folder. */
export function runCommand(folder: string, ...args: readonly string[]): Promise<Outcome> {
  return runCommandWith({}, folder, args);
}

/** The same with more in its environment than the path. */
export function runCommandWith(
  environment: Readonly<Record<string, string>>,
  folder: string,
  args: readonly string[],
): Promise<Outcome> {
  return new Promise((done) => {
    const env = { PATH: process.env["PATH"] ?? "", ...environment };
    const options = { env, cwd: folder, maxBuffer: 64 * 1024 * 1024 };
    execFile(process.execPath, [command, ...args], options, (error, stdout, stderr) => {
      done({ status: error === null ? 0 : Number(error.code), stdout, stderr });
    });
  });
}
