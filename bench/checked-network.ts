// The network that checks are measured in: a director, and one host that is all of the servers, each at an address of
// its own, behind a router's address, so that the director knows one neighbour. nginx answers on it.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { withNetworkNamespace } from "@yardmaster/linux";

/** Names of the director's interfaces: towards nobody, and towards the servers. */
export const checkedNetwork = { front: "front", back: "back" } as const;
const ROUTER = "10.3.0.2";
const DIRECTOR = "10.3.0.1";
const WORKERS = 1;

/** Addresses of servers: 10.2.0.1 and following. */
export function checkedAddresses(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `10.2.${(index + 1) >> 8}.${(index + 1) & 0xff}`);
}

/** Two namespaces and what answers in one of them; gone when disposed. */
export class CheckedNetwork implements Disposable {
  readonly director = `ymchecks-${process.pid}-d`;
  readonly #servers = `ymchecks-${process.pid}-s`;
  readonly #folder = mkdtempSync(join(tmpdir(), "yardmaster-checks-"));
  readonly #first: string;
  #nginx: ChildProcess | undefined;

  /** Makes it, with room for so many servers. */
  constructor(count: number) {
    const [first = ""] = checkedAddresses(count);
    this.#first = first;
    try {
      for (const command of this.#commands()) run(command);
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }

  /** Has nginx answer at all addresses, and waits until it does. */
  async serve(): Promise<void> {
    const file = join(this.#folder, "nginx.conf");
    writeFileSync(file, nginxConfiguration(this.#folder));
    const words = [`--net=/run/netns/${this.#servers}`, "nginx", "-c", file, "-p", this.#folder];
    this.#nginx = spawn("nsenter", words, { stdio: ["ignore", "ignore", "inherit"] });
    for (let tries = 0; tries < 100; tries++) {
      if (await this.#answers()) return;
      await sleep(100);
    }
    throw new Error("starting nginx as the servers: it does not answer");
  }

  [Symbol.dispose](): void {
    this.#nginx?.kill("SIGTERM");
    for (const name of [this.director, this.#servers]) {
      try {
        run(`ip netns del ${name}`);
      } catch {
        // It was not made.
      }
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #commands(): readonly string[] {
    const { front, back } = checkedNetwork;
    const [director, servers] = [this.director, this.#servers];
    const inside = (name: string) => `nsenter --net=/run/netns/${name}`;
    return [
      `ip netns add ${director}`,
      `ip netns add ${servers}`,
      `ip -n ${director} link set lo up`,
      `ip -n ${servers} link set lo up`,
      `ip -n ${director} link add ${front} type veth peer name away`,
      `ip -n ${director} link add ${back} type veth peer name eth0 netns ${servers}`,
      ...[front, "away", back].map((name) => `ip -n ${director} link set ${name} up`),
      `ip -n ${servers} link set eth0 up`,
      `ip -n ${director} address add 198.51.100.254/24 dev ${front}`,
      `ip -n ${director} address add ${DIRECTOR}/24 dev ${back}`,
      `ip -n ${servers} address add ${ROUTER}/24 dev eth0`,
      `ip -n ${servers} route add local 10.2.0.0/16 dev lo`,
      `ip -n ${servers} route add default via ${DIRECTOR}`,
      `ip -n ${director} route add 10.2.0.0/16 via ${ROUTER}`,
      `${inside(director)} sysctl -qw net.ipv4.ip_forward=1`,
      `${inside(servers)} sysctl -qw net.core.somaxconn=8192`,
    ];
  }

  async #answers(): Promise<boolean> {
    const socket = withNetworkNamespace(this.director, () => connect({ host: this.#first, port: 80 }));
    return await new Promise((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
      socket.once("close", () => resolve(false));
      socket.once("connect", () => socket.destroy());
    });
  }
}

function nginxConfiguration(folder: string): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map((name) => `${name}_temp_path ${folder};`);
  return `
daemon off;
worker_processes ${WORKERS};
pid ${folder}/nginx.pid;
error_log stderr crit;
events { worker_connections 16384; }
http {
  access_log off;
  keepalive_timeout 0;
  ${temporary.join("\n  ")}
  server { listen 80 backlog=8192; return 200 "ok\\n"; }
}
`;
}

function run(command: string): void {
  const [file = "", ...rest] = command.split(" ");
  execFileSync(file, rest, { stdio: ["ignore", "ignore", "inherit"] });
}
