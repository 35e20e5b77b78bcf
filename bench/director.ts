// The real director as a process of its own, in the benchmark's network: started as people start it, asked over its
// socket, looked at from outside.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { createClient, type DirectorClient } from "@yardmaster/director";

const COMMAND = fileURLToPath(new URL("../packages/cli/bin/yardmaster.js", import.meta.url));
/** Ticks of the processor times in /proc: USER_HZ, the same on every architecture that we know. */
const TICK_MS = 10;

/** A director that runs. Disposing it leaves nothing. */
export class DirectorProcess implements AsyncDisposable {
  readonly client: DirectorClient;
  readonly socketPath: string;
  readonly #child: ChildProcess;
  readonly #folder: string;
  readonly #network: string;
  readonly #instance: string;

  private constructor(network: string, configuration: string) {
    this.#network = network;
    this.#instance = `bench-${process.pid}`;
    this.#folder = mkdtempSync(join(tmpdir(), "yardmaster-bench-"));
    const file = join(this.#folder, "yardmaster.yaml");
    const socket = join(this.#folder, "director.sock");
    this.socketPath = socket;
    writeFileSync(file, configuration);
    const words = [process.execPath, COMMAND, "run", "-f", file, "--socket", socket, ...this.#own];
    this.#child = spawn("nsenter", [`--net=/run/netns/${network}`, ...words], { stdio: ["ignore", "ignore", "pipe"] });
    this.client = createClient(socket, { timeoutMs: 300_000 });
  }

  /** Starts one in the network namespace `network` and waits until it handles packets. */
  static async start(network: string, configuration: string): Promise<DirectorProcess> {
    const director = new DirectorProcess(network, configuration);
    await director.#ready();
    return director;
  }

  /** Milliseconds of processor time so far. */
  get cpuMs(): number {
    const { user, system } = this.cpuTimesMs;
    return user + system;
  }

  /** The same of the thread that all others wait for: on a busy machine it tells more than the wall's clock. */
  get mainThreadMs(): number {
    const { user, system } = this.#timesIn(`task/${this.#child.pid}/stat`);
    return user + system;
  }

  /** Of all threads, what it does itself and what the kernel does for it. */
  get cpuTimesMs(): { readonly user: number; readonly system: number } {
    return this.#timesIn("stat");
  }

  #timesIn(file: string): { readonly user: number; readonly system: number } {
    // Behind the name in brackets: utime and stime are fields 14 and 15 (proc_pid_stat(5)).
    const fields = this.#read(file)
      .replace(/^.*\) /s, "")
      .split(" ");
    return { user: Number(fields[11]) * TICK_MS, system: Number(fields[12]) * TICK_MS };
  }

  /** Has its own thread run before everything else on this machine: what is late then, it has delayed itself. */
  preferIt(): void {
    execFileSync("chrt", ["--rr", "--pid", "1", String(this.#child.pid)]);
  }

  /** Open files, sockets and pipes. */
  get descriptors(): number {
    return readdirSync(`/proc/${this.#child.pid}/fd`).length;
  }

  /** Memory that it has of its own and shares with nobody's swap: VmRSS of proc_pid_status(5). */
  get residentBytes(): number {
    return Number(/^VmRSS:\s*(\d+) kB$/m.exec(this.#read("status"))?.[1]) * 1024;
  }

  /** Where its maps are pinned. */
  get pinned(): string {
    const { stdout } = { stdout: execFileSync("stat", ["-L", "-c", "%i", `/run/netns/${this.#network}`]) };
    return `/sys/fs/bpf/yardmaster/${this.#instance}@${stdout.toString().trim()}/current`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    if (this.#child.exitCode === null && this.#child.kill("SIGTERM")) await ended;
    const words = [`--net=/run/netns/${this.#network}`, process.execPath, COMMAND, "down", ...this.#own];
    execFileSync("nsenter", words, { stdio: "ignore" });
    rmSync(this.#folder, { recursive: true, force: true });
  }

  get #own(): readonly string[] {
    return ["--instance", this.#instance, "--state-directory", join(this.#folder, "state")];
  }

  #read(file: string): string {
    return readFileSync(`/proc/${this.#child.pid}/${file}`, "utf8");
  }

  #ready(): Promise<void> {
    let said = "";
    return new Promise((resolve, reject) => {
      this.#child.stderr?.on("data", (text: Buffer) => {
        said += text.toString();
        if (/^ready: /m.test(said)) resolve();
      });
      this.#child.once("exit", () => reject(new Error(`starting a director: it ended and said: ${said}`)));
    });
  }
}
