// npm run bench:throughput: bulk TCP (iperf3) from a client through a director to a server at tc, offloads on, by each
// of nat, fullnat and tun, and between the same namespaces by plain kernel routing, in turns. Needs root and iperf3;
// uses namespaces of its own.

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
const COMMAND = "packages/cli/bin/yardmaster.js";
const folder = mkdtempSync(join(tmpdir(), "ym-throughput-"));
const prefix = `ymthr${process.pid}`;
const [client, director, server] = [`${prefix}c`, `${prefix}d`, `${prefix}s`] as const;

const LOCAL = "10.0.0.5";

/** The ports of services, and of servers behind them; a tunnel's is the same. */
const METHODS = [
  { method: "nat", port: 5201, serverPort: 5201 },
  { method: "fullnat", port: 5202, serverPort: 5201 },
  { method: "tun", port: 5203, serverPort: 5203 },
] as const;

const configuration = [
  `director: { interfaces: [front, back], hook: tc, localAddresses: [${LOCAL}] }`,
  "services:",
  ...METHODS.map(({ method, port, serverPort }) => {
    const servers = `servers: [{ address: ${SERVER}, port: ${serverPort} }]`;
    return `  ${method}: { address: ${SERVICE}, port: ${port}, forwarding: ${method}, ${servers} }`;
  }),
  "",
].join("\n");

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
  run(`ip -n ${server} link set lo up`);
  run(`ip -n ${director} address add ${LOCAL}/32 dev back`);
  // A tunnel's answers go straight to the client, on a cable of their own.
  run(`ip link add side netns ${server} type veth peer name side netns ${client}`);
  for (const [name, own] of [
    [server, "10.8.0.2"],
    [client, "10.8.0.1"],
  ] as const) {
    run(`ip -n ${name} address add ${own}/24 dev side`);
    run(`ip -n ${name} link set side up`);
    run(`ip netns exec ${name} sysctl -qw net.ipv4.conf.all.rp_filter=0 net.ipv4.conf.wire.rp_filter=0`);
    run(`ip netns exec ${name} sysctl -qw net.ipv4.conf.side.rp_filter=0`);
  }
  run(`ip netns exec ${director} sysctl -qw net.ipv4.ip_forward=1`);
}

/** Has the server unwrap tunnels, or puts that back; not by `ip netns exec`, with whose /sys the pins would go. */
function realServer(words: string): void {
  const state = `--state-directory ${folder}/realserver`;
  run(`nsenter --net=/run/netns/${server} ${process.execPath} ${COMMAND} realserver ${words} ${state}`);
}

/** Bits a second that arrive. */
function throughput(address: string, port: number): number {
  const target = `--client ${address} --port ${port}`;
  const text = run(`ip netns exec ${client} iperf3 --json ${target} --time ${SECONDS}`);
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

/** One method next to plain routing, in turns: the median of the ratios. */
function compare({ method, port }: (typeof METHODS)[number]): number {
  const ratios = Array.from({ length: ROUNDS }, () => {
    const [balanced, routed] = [throughput(SERVICE, port), throughput(SERVER, 5201)];
    const [a, b] = [balanced, routed].map((bits) => (bits / 1e9).toFixed(1));
    process.stdout.write(`${method} at tc ${a} Gbit/s, routing ${b} Gbit/s: ${(balanced / routed).toFixed(2)}\n`);
    return balanced / routed;
  });
  return ratios.toSorted((x, y) => x - y)[Math.floor(ROUNDS / 2)] ?? 0;
}

/** The unwrapper at the server's native XDP changes its cable's offloads: routing is compared with it there, too. */
function compareTunnel(method: (typeof METHODS)[number]): number {
  run(`ip -n ${server} route add 203.0.113.7/32 via 10.8.0.1 table 100`);
  run(`ip -n ${server} rule add from ${SERVICE} table 100`);
  realServer(`up --method tun --service ${SERVICE}:${method.port} --director 10.0.0.1`);
  try {
    return compare(method);
  } finally {
    realServer("down");
  }
}

async function main(): Promise<void> {
  const children: ChildProcess[] = [];
  try {
    makeNetwork();
    const file = join(folder, "yardmaster.yaml");
    writeFileSync(file, configuration);
    const yardmaster = [process.execPath, COMMAND, "run", "-f", file, "--ephemeral"];
    const daemon = spawn("ip", ["netns", "exec", director, ...yardmaster, "--socket", join(folder, "socket")]);
    children.push(daemon);
    for (const port of new Set(METHODS.map(({ serverPort }) => serverPort))) {
      const iperf3 = ["iperf3", "--server", "--port", String(port)];
      children.push(spawn("ip", ["netns", "exec", server, ...iperf3], { stdio: "ignore" }));
    }
    await ready(daemon);
    const medians = METHODS.map((method) => {
      const median = method.method === "tun" ? compareTunnel(method) : compare(method);
      return `${method.method} ${median.toFixed(2)}`;
    });
    process.stdout.write(`medians, of plain routing: ${medians.join(", ")}\n`);
  } finally {
    for (const child of children) child.kill();
    await sleep(1000);
    for (const name of [client, director, server]) run(`ip netns del ${name}`);
    rmSync(folder, { recursive: true });
  }
}

await main();
