// Looks at the machine from outside the lab: which of its namespaces and processes there are.
import { execFile } from "node:child_process";
import { readFileSync } from "node:fs";
import { promisify } from "node:util";

const run = promisify(execFile);

/** The namespaces of a lab. */
export async function hostsOf(lab: string): Promise<readonly string[]> {
  const { stdout } = await run("ip", ["netns", "list"]);
  return stdout
    .split("\n")
    .map((line) => line.split(" ")[0] ?? "")
    .filter((name) => name.startsWith(`${lab}-`));
}

/** The processes in the namespaces of a lab. */
export async function processesIn(lab: string): Promise<readonly number[]> {
  const lists = await Promise.all((await hostsOf(lab)).map((host) => run("ip", ["netns", "pids", host])));
  return lists.flatMap(({ stdout }) => stdout.split("\n").filter(Boolean).map(Number));
}

/** Whether a process runs; one that has ended but that its parent has not waited for does not. */
export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+Z/mu.test(readFileSync(`/proc/${pid}/status`, "utf8"));
  } catch {
    return false;
  }
}
