// npm run bench:throughput: bulk TCP (iperf3) from a client through a director to a server by NAT at tc, offloads on,
// and between the same namespaces by plain kernel routing, in turns. Needs root and iperf3; uses namespaces of its own.

import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

const ROUNDS = 5;
const SECONDS = 3;
const SERVICE = "198.51.100.10";
const SERVER = "10.0.0.11";
const READY_WITHIN_MS = 60_000;
const prefix = `ymthr${process.pid}`;
const [client, director, server] = [`${prefix}c`, `${prefix}d`, `${prefix}s`] as const;

const configuration = `director: { interfaces: [front, back], hook: tc }
services:
  bulk: { address: ${SERVICE}, port: 5201, forwarding: nat, servers: [{ address: ${SERVER}, port: 5201 }] }
`;

function run(command: string): string {
  const [program = "", ...args] = command.split(" ");
  return execFileSync(program, args, { encoding: "utf8", stdio: ["ignore", "pipe", "inherit"] });
}

function makeNetwork(): void {
  for (const name of [client, director, server]) run(`ip netns add ${name}`);
  for (const [name, end, own, other] of [
    [client, "front", "203.0.113.7", "203.0.113.1"],
    [server, "back", SERVER, "10.0.0.1"],
  ] as const) {
    run(`ip link add wire netns ${name} type veth peer name ${end} netns ${director}`);
    run(`ip -n ${name} address add ${own}/24 dev wire`);
    run(`ip -n ${name} link set wire up`);
    run(`ip -n ${director} address add ${other}/24 dev ${end}`);
    run(`ip -n ${director} link set ${end} up`);
    run(`ip -n ${name} route add default via ${other}`);
  }
  run(`ip netns exec ${director} sysctl -qw net.ipv4.ip_forward=1`);
}

/** Bits a second that arrive. */
function throughput(target: string): number {
  const text = run(`ip netns exec ${client} iperf3 --json --client ${target} --time ${SECONDS}`);
  return (JSON.parse(text) as { end: { sum_received: { bits_per_second: number } } }).end.sum_received.bits_per_second;
}

async function ready(child: ChildProcess): Promise<void> {
  const isReady = new Promise<void>((resolve, reject) => {
    child.stdout?.on("data", (text: Buffer) => text.includes("ready:") && resolve());
    child.stderr?.on("data", (text: Buffer) => text.includes("ready:") && resolve());
    child.on("exit", (code) => reject(new Error(`starting the director: it ended with status ${code}`)));
  });
  const deadline = sleep(READY_WITHIN_MS, undefined, { ref: false }).then(() => {
    throw new Error(`starting the director: it was not ready within ${READY_WITHIN_MS} ms`);
  });
  await Promise.race([isReady, deadline]);
}

async function main(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "ym-throughput-"));
  const children: ChildProcess[] = [];
  try {
    makeNetwork();
    const file = join(folder, "yardmaster.yaml");
    writeFileSync(file, configuration);
    const yardmaster = [process.execPath, "packages/cli/bin/yardmaster.js", "run", "-f", file];
    const daemon = spawn("ip", ["netns", "exec", director, ...yardmaster]);
    children.push(daemon, spawn("ip", ["netns", "exec", server, "iperf3", "--server"], { stdio: "ignore" }));
    await ready(daemon);
    const ratios: number[] = [];
    for (let round = 0; round < ROUNDS; round++) {
      const [balanced, routed] = [throughput(SERVICE), throughput(SERVER)];
      ratios.push(balanced / routed);
      const [a, b] = [balanced, routed].map((bits) => (bits / 1e9).toFixed(1));
      process.stdout.write(`NAT at tc ${a} Gbit/s, routing ${b} Gbit/s: ${(balanced / routed).toFixed(2)}\n`);
    }
    const median = ratios.toSorted((x, y) => x - y)[Math.floor(ROUNDS / 2)] ?? 0;
    process.stdout.write(`median ${median.toFixed(2)} of plain routing\n`);
  } finally {
    for (const child of children) child.kill();
    await sleep(1000);
    for (const name of [client, director, server]) run(`ip netns del ${name}`);
    rmSync(folder, { recursive: true });
  }
}

await main();
