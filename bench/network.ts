// The network that the measured program routes in: a namespace of its own with a veth towards the servers, whose
// neighbours are permanent. Next hops are found by the kernel's routing, as on a real director.

import { execFileSync } from "node:child_process";

/** Names and addresses, the same as those of the side-by-side harness, so that results compare. */
export const network = {
  /** The director's MAC address towards the clients. */
  directorMac: "02:00:00:00:00:02",
  clientMac: "02:00:00:00:00:01",
  serviceAddress: "10.9.9.9",
  servicePort: 80,
  servers: serverAddresses(4),
  /** Clients are 10.128.0.1 and following. */
  firstClient: "10.128.0.1",
  serverInterface: "d1",
  /** The director's towards the servers, where tunnels begin. */
  directorAddress: "10.2.255.254",
  /** Full NAT's: their ports suffice for the new connections of a whole measurement. */
  localAddresses: "10.2.255.100-10.2.255.131",
} as const;

/** The first of up to 1,000 servers: 10.2.0.1 and following. */
export function serverAddresses(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `10.2.${(index + 1) >> 8}.${(index + 1) & 0xff}`);
}

/** The commands that make a namespace a director's, to be run inside it (`ip netns exec` or `nsenter`). */
export function directorCommands(): string[] {
  const { directorAddress, serverInterface } = network;
  return [
    "ip link set lo up",
    `ip link add ${serverInterface} type veth peer name r0`,
    `ip link set ${serverInterface} up`,
    "ip link set r0 up",
    `ip address add ${directorAddress}/16 dev ${serverInterface}`,
    "sysctl -qw net.ipv4.ip_forward=1",
    ...network.servers.map(
      (address, index) =>
        `ip neighbour replace ${address} lladdr 02:00:00:00:01:0${index + 1} dev ${serverInterface} nud permanent`,
    ),
  ];
}

/** Gives the first `count` servers neighbour entries in the namespace `name`. */
export function addNeighbours(name: string, count: number): void {
  const entries = serverAddresses(count).map(
    (address) => `neighbour replace ${address} lladdr 02:00:00:00:01:01 dev ${network.serverInterface} nud permanent`,
  );
  execFileSync("ip", ["-n", name, "-batch", "-"], { input: `${entries.join("\n")}\n` });
}

/** A namespace with that network; gone when disposed. */
export function createNetwork(): { readonly name: string } & Disposable {
  const name = `ymbench-${process.pid}`;
  run(`ip netns add ${name}`);
  const remove = () => run(`ip netns del ${name}`);
  try {
    for (const command of directorCommands()) run(`ip netns exec ${name} ${command}`);
  } catch (error) {
    remove();
    throw error;
  }
  return { name, [Symbol.dispose]: remove };
}

function run(command: string): void {
  const [file = "", ...rest] = command.split(" ");
  execFileSync(file, rest, { stdio: ["ignore", "ignore", "inherit"] });
}
