// Takes labs down: ends the processes in their namespaces by pid, deletes the namespaces and the lab's folder.
// Also finds what earlier runs left when they were killed: a lab's name carries the pid of its owner.
import { randomBytes } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { removeControlGroups } from "./control-groups.ts";
import { defaultDirectorCommand } from "./director-process.ts";
import { ip } from "./ip-command.ts";
import { LabError } from "./lab-error.ts";
import { listNamespaces } from "./network.ts";
import { restoreServers } from "./prepare-servers.ts";
import { endInstances } from "./soak/instance.ts";

/** Labs keep their configuration, logs and sockets here, one folder each. */
const labsFolder = "/run/yardmaster-lab";
const namePattern = /^ymlab-(\d+)-(\d+)-[0-9a-f]{4}$/;
const namespacePattern = /^(ymlab-\d+-\d+-[0-9a-f]{4})-/;
const endProcessesTimeoutMs = 5_000;

/** The folder of a lab. */
export function labFolder(name: string): string {
  return join(labsFolder, name);
}

/** A name for a new lab, made of this process's pid, its start time (pids come again) and chance; makes its folder. */
export function createLabFolder(): string {
  const name = `ymlab-${process.pid}-${startTimeOf(process.pid)}-${randomBytes(2).toString("hex")}`;
  mkdirSync(labFolder(name), { recursive: true, mode: 0o700 });
  return name;
}

/** Notes that this lab is to stand after its owner's end. */
export function markKept(name: string): void {
  writeFileSync(join(labFolder(name), "kept"), "");
}

/** Names of all labs on this machine, standing or half gone. */
export async function listLabs(): Promise<readonly string[]> {
  const folders = existsSync(labsFolder) ? readdirSync(labsFolder).filter((name) => namePattern.test(name)) : [];
  const namespaces = await listNamespaces("ymlab-");
  const ofNamespaces = namespaces.flatMap((namespace) => namespacePattern.exec(namespace)?.[1] ?? []);
  return [...new Set([...folders, ...ofNamespaces])].sort();
}

/** Removes a lab by name, whoever made it. Throws YM_LAB_UNKNOWN when there is none of that name. */
export async function removeLab(name: string): Promise<void> {
  const labs = await listLabs();
  if (!labs.includes(name)) {
    const known = labs.length === 0 ? "no lab stands" : `labs that stand: ${labs.join(", ")}`;
    throw new LabError("YM_LAB_UNKNOWN", `removing the lab "${name}": there is no such lab; ${known}`);
  }
  await takeDown(name);
}

/** Removes the labs whose owner is dead and that were not meant to be kept. Returns their names. */
export async function removeLeftovers(): Promise<readonly string[]> {
  const leftovers = (await listLabs()).filter((name) => !isOwned(name) && !isKept(name));
  for (const name of leftovers) await takeDown(name);
  return leftovers;
}

/** Ends all that runs in the lab's namespaces, deletes them and the folder. What is gone already is fine. */
export async function takeDown(name: string): Promise<void> {
  const namespaces = await listNamespaces(`${name}-`);
  await endProcesses(namespaces);
  if (existsSync(labFolder(name))) {
    await endInstances(labFolder(name), namespaces, defaultDirectorCommand);
    await restoreServers(labFolder(name), namespaces, defaultDirectorCommand);
  }
  removeControlGroups(name);
  for (const namespace of namespaces) {
    await ip("netns", "delete", namespace).catch(async (error: unknown) => {
      // Another lab's start may be removing the same leftover at this moment.
      if ((await listNamespaces(namespace)).includes(namespace)) throw error;
    });
  }
  rmSync(labFolder(name), { recursive: true, force: true });
}

/** Asks the processes in the namespaces to end, then insists. */
async function endProcesses(namespaces: readonly string[]): Promise<void> {
  const pidsNow = async (): Promise<readonly number[]> => {
    const lists = await Promise.all(namespaces.map(pidsOf));
    return lists.flat();
  };
  let pids = await pidsNow();
  for (const pid of pids) signalIfAlive(pid, "SIGTERM");
  const deadline = Date.now() + endProcessesTimeoutMs;
  while (pids.length > 0 && Date.now() < deadline) {
    await sleep(25);
    pids = await pidsNow();
  }
  for (const pid of pids) signalIfAlive(pid, "SIGKILL");
}

async function pidsOf(namespace: string): Promise<readonly number[]> {
  // A namespace that vanished meanwhile holds no processes.
  const text = await ip("netns", "pids", namespace).catch(() => "");
  return text.split("\n").filter(Boolean).map(Number);
}

function signalIfAlive(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

function isOwned(name: string): boolean {
  const [, pid, startTime] = namePattern.exec(name) ?? [];
  return pid !== undefined && startTimeOf(Number(pid)) === startTime;
}

function isKept(name: string): boolean {
  return existsSync(join(labFolder(name), "kept"));
}

/**
 * When a process started, in clock ticks after boot; undefined when it is gone, also when only its parent has not
 * noticed (proc_pid_stat(5): field 3 is the state, Z for a zombie, field 22 the start time).
 */
function startTimeOf(pid: number): string | undefined {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field, the name in brackets, may hold anything: count from behind it.
    const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
    return fields[0] === "Z" ? undefined : fields[19];
  } catch {
    return undefined;
  }
}
