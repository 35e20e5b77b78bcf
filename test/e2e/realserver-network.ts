// Two hosts on one cable for the tests of real servers: the server, and the outside, from which raw frames are sent as
// a director or a client would send them. Disposing removes both.
import { execFileSync, spawn, spawnSync } from "node:child_process";
import { compile, tx, xdp } from "@yardmaster/ebpf";
import { loadKernelProgram } from "@yardmaster/ebpf/kernel";
import { findLink, FrameSocket, setOffloads, withNetworkNamespace } from "@yardmaster/linux";
import { type ParsedFrame, parseFrame } from "@yardmaster/packet";

export const SERVER = { 4: "10.5.0.1", 6: "fd05::1" } as const;
export const DIRECTOR = { 4: "10.5.0.2", 6: "fd05::2" } as const;
/** Hosts that only frames come from: no kernel answers for them. */
export const GHOST = { 4: "10.5.0.9", 6: "fd05::9" } as const;

const sendBack = xdp("send", () => tx());
const command = new URL("../../packages/cli/bin/yardmaster.js", import.meta.url).pathname;

/** The two hosts. */
export class RealServerNetwork implements Disposable {
  readonly server = `ymrs${process.pid}-s`;
  readonly outside = `ymrs${process.pid}-o`;
  readonly stateDirectory = `/tmp/ymrs${process.pid}-state`;
  readonly serverMac: string;
  readonly outsideMac: string;

  constructor() {
    for (const name of [this.server, this.outside]) {
      ip("netns", "add", name);
      ip("-n", name, "link", "set", "lo", "up");
    }
    ip("-n", this.server, "link", "add", "wire", "type", "veth", "peer", "name", "wire", "netns", this.outside);
    for (const [name, addresses] of [
      [this.server, SERVER],
      [this.outside, DIRECTOR],
    ] as const) {
      ip("-n", name, "addr", "add", `${addresses[4]}/24`, "dev", "wire");
      ip("-n", name, "addr", "add", `${addresses[6]}/64`, "dev", "wire", "nodad");
      ip("-n", name, "link", "set", "wire", "up");
    }
    // Frames that a program sends into a veth arrive only where GRO, or a program, waits at the other end.
    withNetworkNamespace(this.server, () => setOffloads("wire", { gro: true }));
    this.serverMac = macIn(this.server);
    this.outsideMac = macIn(this.outside);
    for (const family of [4, 6] as const) {
      ip("-n", this.server, "route", "add", "default", "via", DIRECTOR[family]);
      ip("-n", this.server, "neigh", "add", GHOST[family], "lladdr", this.outsideMac, "dev", "wire");
      ip("-n", this.server, "neigh", "add", DIRECTOR[family], "lladdr", this.outsideMac, "dev", "wire");
    }
  }

  /** Runs `yardmaster realserver …` on the server; what it printed, and its exit status. */
  realServer(...args: readonly string[]): { readonly text: string; readonly status: number } {
    const all = [process.execPath, command, "realserver", ...args, "--state-directory", this.stateDirectory];
    return run("nsenter", [`--net=/run/netns/${this.server}`, ...all]);
  }

  /** Runs a command in one of the namespaces. */
  run(namespace: string, ...args: readonly string[]): { readonly text: string; readonly status: number } {
    return run("nsenter", [`--net=/run/netns/${namespace}`, ...args]);
  }

  /** Starts a command on the server; disposing ends it. */
  start(program: string, ...args: readonly string[]): Disposable & { readonly output: () => string } {
    const child = spawn("nsenter", [`--net=/run/netns/${this.server}`, program, ...args], { stdio: "pipe" });
    let text = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => void (text += chunk));
    return { output: () => text, [Symbol.dispose]: () => void child.kill() };
  }

  /** Sends a frame from outside over the cable and gives the first frame after it that `isAnswer`. */
  async exchange(
    frame: Uint8Array,
    isAnswer: (parsed: ParsedFrame) => boolean,
    patienceMs = 1000,
  ): Promise<ParsedFrame | undefined> {
    using program = loadKernelProgram(compile(sendBack), new Map());
    using frames = withNetworkNamespace(this.outside, () => {
      const socket = new FrameSocket();
      program.inject(frame, findLink("wire")?.index ?? 0);
      return socket;
    });
    for (let waitedMs = 0; waitedMs <= patienceMs; waitedMs += 10) {
      for (let seen = frames.receive(); seen !== undefined; seen = frames.receive()) {
        const parsed = parseFrame(seen);
        if (isAnswer(parsed)) return parsed;
      }
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    return undefined;
  }

  [Symbol.dispose](): void {
    this.realServer("down");
    for (const name of [this.server, this.outside]) ip("netns", "del", name);
    run("rm", ["-rf", this.stateDirectory]);
  }
}

function ip(...args: readonly string[]): void {
  execFileSync("ip", args);
}

function macIn(namespace: string): string {
  return withNetworkNamespace(namespace, () => findLink("wire")?.mac ?? "");
}

function run(program: string, args: readonly string[]): { readonly text: string; readonly status: number } {
  const { stdout, stderr, status } = spawnSync(program, args, { encoding: "utf8" });
  return { text: `${stdout}${stderr}`, status: status ?? 1 };
}
