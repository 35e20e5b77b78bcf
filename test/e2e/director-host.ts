// A director's host for end-to-end tests: three namespaces in a row (client, director, server) and the real command,
// started as people start it. Everything is inside the namespaces and one temporary folder; disposing removes both.
import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { findTcProgram } from "@yardmaster/ebpf/kernel";
import { listLinks, setOffloads, withNetworkNamespace } from "@yardmaster/linux";

const command = resolve(import.meta.dirname, "../../packages/cli/bin/yardmaster.js");
/** Node and the command, as words to start it with. */
const ofThisTree: readonly [string, string] = [process.execPath, command];
const startTimeoutMs = 60_000;
/** The instance that tests keep directors under. */
const INSTANCE = `e2e-${process.pid}`;

/** How a command ended and what it said. */
export interface Ended {
  readonly status: number | NodeJS.Signals;
  readonly stdout: string;
  readonly stderr: string;
}

/** A director that runs. */
export interface Director {
  readonly pid: number;
  readonly socketPath: string;
  /** Resolves when it handles packets, rejects with its words when it ends before. */
  readonly ready: Promise<void>;
  /** What it has said so far. */
  said(): string;
  /** Sends a signal and waits for the end. */
  stop(signal: NodeJS.Signals): Promise<Ended>;
  /** How it ended, when it has. */
  readonly ended: Promise<Ended>;
}

/** The address of the services, and a server that answers. */
export const vip = "198.51.100.10";
export const serverAddress = "10.0.0.11";
/** The same in IPv6, and what full NAT sends from, once `prepareFullNat` has given them. */
export const vip6 = "2001:db8:5::10";
export const serverAddress6 = "fd00::11";
export const localAddresses = ["10.0.0.5", "fd00::5"] as const;
/** A server's behind its router, once `putServerBehindRouter` has given them. */
export const routedServers = ["10.9.0.11", "fd00:9::11"] as const;
export const clientAddresses = { 4: "198.51.100.2", 6: "2001:db8:5::2" } as const;

export class DirectorHost implements Disposable {
  readonly folder = mkdtempSync(join(tmpdir(), "yardmaster-e2e-"));
  readonly #prefix = `ymtest-e2e-${process.pid}`;
  readonly #children = new Set<ChildProcess>();
  #files = 0;

  constructor() {
    try {
      for (const name of ["client", "director", "server"]) execFileSync("ip", ["netns", "add", this.namespace(name)]);
      this.#connect("client", "eth0", "director", "front");
      this.#connect("server", "eth0", "director", "back");
      for (const address of ["198.51.100.1/24", `${vip}/32`]) this.ip("director", `address add ${address} dev front`);
      this.ip("director", "address add 10.0.0.1/24 dev back");
      this.ip("client", `address add ${clientAddresses[4]}/24 dev eth0`);
      this.ip("server", `address add ${serverAddress}/24 dev eth0`);
      this.ip("server", "route add default via 10.0.0.1");
      this.setForwarding("1");
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  namespace(host: string): string {
    return `${this.#prefix}-${host}`;
  }

  /** `ip` on one of the hosts; words are separated by spaces. */
  ip(host: string, words: string): string {
    return execFileSync("ip", ["-n", this.namespace(host), ...words.split(" ")], { encoding: "utf8", stdio: "pipe" });
  }

  /** Runs synchronous code on the director's host. */
  enter<T>(run: () => T): T {
    return withNetworkNamespace(this.namespace("director"), run);
  }

  setForwarding(value: "0" | "1"): void {
    const set = ["sysctl", "-qw", `net.ipv4.ip_forward=${value}`];
    execFileSync("ip", ["netns", "exec", this.namespace("director"), ...set]);
  }

  /** Both families everywhere, addresses for full NAT on the director, and no route to clients on the server. */
  prepareFullNat(): void {
    this.ip("server", "route del default");
    const addresses = [
      ["client", `${clientAddresses[6]}/64 dev eth0`],
      ["director", "2001:db8:5::1/64 dev front"],
      ["director", `${vip6}/128 dev front`],
      ["director", `${localAddresses[0]}/32 dev back`],
      ["director", "fd00::1/64 dev back"],
      ["director", `${localAddresses[1]}/128 dev back`],
      ["server", `${serverAddress6}/64 dev eth0`],
    ] as const;
    for (const [name, words] of addresses) this.ip(name, `address add ${words} nodad`);
    const set = ["sysctl", "-qw", "net.ipv6.conf.all.forwarding=1"];
    execFileSync("ip", ["netns", "exec", this.namespace("director"), ...set]);
  }

  /** Addresses of the server that are not on the director's link, and the director's routes to them. */
  putServerBehindRouter(): void {
    this.ip("server", "link set lo up");
    for (const address of routedServers) this.ip("server", `address add ${address} dev lo`);
    this.ip("director", `route add ${routedServers[0]} via ${serverAddress}`);
    this.ip("director", `-6 route add ${routedServers[1]} via ${serverAddress6}`);
  }

  /** Names of the director's interfaces that carry an XDP program, with its mode, or the director's at tc. */
  attached(): readonly string[] {
    return this.enter(() =>
      listLinks().flatMap(({ name, index, xdp }) => [
        ...(xdp === undefined ? [] : [`${name} ${xdp.mode}`]),
        ...(findTcProgram(index, "yardmaster") === undefined ? [] : [`${name} tc`]),
      ]),
    );
  }

  /**
   * What is attached once nothing of a director that has ended is left, or after five seconds: the kernel lets go of a
   * killed process's links a moment after it has told its parent.
   */
  async left(): Promise<readonly string[]> {
    for (let at = 0; at < 500 && this.attached().length > 0; at += 1) await sleep(10);
    return this.attached();
  }

  /** Writes a configuration; its path. */
  write(text: string): string {
    const file = join(this.folder, `${(this.#files += 1)}.yaml`);
    writeFileSync(file, text);
    return file;
  }

  /** Runs a command on a host to its end. */
  async run(host: string, words: readonly string[]): Promise<Ended> {
    return await new Promise((done) => {
      const all = ["netns", "exec", this.namespace(host), ...words];
      execFile("ip", all, { timeout: startTimeoutMs }, (error, stdout, stderr) => {
        const status = error === null ? 0 : ((error.code as number | undefined) ?? error.signal ?? 1);
        done({ status: status as Ended["status"], stdout, stderr });
      });
    });
  }

  /** Runs `yardmaster` on the director's host to its end; `through` names a program to start it with. */
  yardmaster(args: readonly string[], through: readonly string[] = []): Promise<Ended> {
    return this.run("director", [...through, process.execPath, command, ...args]);
  }

  /** Starts a director that is expected to fail, and waits for that. */
  async fail(config: string, through: readonly string[] = []): Promise<Ended> {
    return await this.yardmaster(
      ["run", "-f", this.write(config), "--socket", join(this.folder, "failed.sock")],
      through,
    );
  }

  /** Starts a director that keeps nothing. */
  launch(config: string, socketName = "director.sock", start = ofThisTree): Director {
    const socketPath = join(this.folder, socketName);
    const args = ["run", "-f", this.write(config), "--socket", socketPath, "--ephemeral"];
    return this.#follow(this.spawn("director", [...start, ...args]), socketPath);
  }

  /** Starts a director as an instance that outlives it, and waits until it is ready. */
  async startInstance(config: string): Promise<Director> {
    return await this.startFile(this.write(config));
  }

  /** The same with a file that is there; `more`: other options. */
  async startFile(file: string, more: readonly string[] = []): Promise<Director> {
    const socketPath = join(this.folder, "instance.sock");
    const args = ["run", "-f", file, "--socket", socketPath, ...this.#instanceArgs, ...more];
    const director = this.#follow(this.#enterAndSpawn([process.execPath, command, ...args]), socketPath);
    await director.ready;
    return director;
  }

  /** Runs `yardmaster` for the instance. */
  async instance(args: readonly string[]): Promise<Ended> {
    return await new Promise((done) => {
      const child = this.#enterAndSpawn([process.execPath, command, ...args, ...this.#instanceArgs]);
      const said = { stdout: "", stderr: "" };
      child.stdout?.on("data", (text) => (said.stdout += text));
      child.stderr?.on("data", (text) => (said.stderr += text));
      child.once("close", (status, signal) => done({ status: signal ?? status ?? 1, ...said }));
    });
  }

  get #instanceArgs(): readonly string[] {
    return ["--instance", INSTANCE, "--state-directory", join(this.folder, "state")];
  }

  #follow(child: ChildProcess, socketPath: string): Director {
    let stdout = "";
    let stderr = "";
    child.stdout?.on("data", (text) => (stdout += text));
    child.stderr?.on("data", (text) => (stderr += text));
    const ended = new Promise<Ended>((done) =>
      child.once("close", (status, signal) => done({ status: signal ?? status ?? 1, stdout, stderr })),
    );
    const ready = new Promise<void>((resolveReady, failed) => {
      child.stderr?.on("data", () => {
        if (/^ready: /m.test(stderr)) resolveReady();
      });
      void ended.then(() => failed(new Error(`the director did not start: ${stderr}`)));
    });
    ready.catch(() => undefined);
    const stop = async (signal: NodeJS.Signals) => {
      child.kill(signal);
      return await ended;
    };
    return { pid: child.pid ?? 0, socketPath, said: () => stderr, ready, stop, ended };
  }

  /** Starts a director and waits until it is ready. */
  async start(config: string, socketName?: string, start?: readonly [string, string]): Promise<Director> {
    const director = this.launch(config, socketName, start);
    await director.ready;
    return director;
  }

  /** Starts something on a host; disposing ends it. `ip netns exec` becomes the program itself. `input`: it is told. */
  spawn(host: string, words: readonly string[], { input = false } = {}): ChildProcess {
    const all = ["netns", "exec", this.namespace(host), ...words];
    const child = spawn("ip", all, { stdio: [input ? "pipe" : "ignore", "pipe", "pipe"] });
    this.#children.add(child);
    child.once("exit", () => this.#children.delete(child));
    return child;
  }

  /**
   * Starts something on the director's host that sees this machine's file systems: `ip netns exec` would mount a /sys
   * of its own, and what is pinned there would go with the process.
   */
  #enterAndSpawn(words: readonly string[]): ChildProcess {
    const inside = `--net=/run/netns/${this.namespace("director")}`;
    const child = spawn("nsenter", [inside, ...words], { stdio: ["ignore", "pipe", "pipe"] });
    this.#children.add(child);
    child.once("exit", () => this.#children.delete(child));
    return child;
  }

  /** Whether a file of the host's folder is there. */
  has(path: string): boolean {
    return existsSync(path);
  }

  [Symbol.dispose](): void {
    for (const child of this.#children) child.kill("SIGKILL");
    const all = execFileSync("ip", ["netns", "list"], { encoding: "utf8" });
    const names = all.split("\n").map((line) => line.split(" ")[0] ?? "");
    for (const name of names) if (name.startsWith(`${this.#prefix}-`)) execFileSync("ip", ["netns", "del", name]);
    rmSync(this.folder, { recursive: true, force: true });
  }

  /**
   * A cable; checksums are computed before a frame enters it, as a card would, and frames of native XDP arrive (GRO).
   */
  #connect(hostA: string, nameA: string, hostB: string, nameB: string): void {
    const peer = `peer name ${nameB} netns ${this.namespace(hostB)}`;
    this.ip(hostA, `link add ${nameA} type veth ${peer}`);
    for (const [host, name] of [
      [hostA, nameA],
      [hostB, nameB],
    ] as const) {
      this.ip(host, `link set ${name} up`);
      withNetworkNamespace(this.namespace(host), () =>
        setOffloads(name, { tso: false, gso: false, txChecksum: false, gro: true }),
      );
    }
  }
}

/** A configuration of one nat service; `director` holds the lines of its director section. */
export function configOf(director: readonly string[] = ["interfaces: [front, back]"], port = 80): string {
  return `director:
${director.map((line) => `  ${line}`).join("\n")}
services:
  web:
    address: ${vip}
    port: ${port}
    forwarding: nat
    scheduler: rr
    servers: [{ address: ${serverAddress}, port: 8080 }]
`;
}
