// The director's network in the kernel: a namespace of its own with a veth for each link, addresses, routes and
// permanent neighbours, so that a program that runs in it finds the way to clients and servers as the director would.
import { findLink, type Link, withNetworkNamespace } from "@yardmaster/linux";
import { execFileSync } from "node:child_process";
import { writeFileSync } from "node:fs";
import { clientRouter, links, serverMac, serverNumbers, type Side, sides, virtualAddresses } from "./topology.ts";

/** What of the network a balancer and the runner need. */
export interface Network {
  /** Runs inside; synchronous. */
  enter<T>(run: () => T): T;
  /** The index of the director's interface on that side, inside. */
  indexOf(side: Side): number;
  /** The MTU of the link on that side, in bytes. */
  mtuOf(side: Side): number;
}

/** A network that is there until it is disposed. */
export interface LiveNetwork extends Network, Disposable {
  readonly name: string;
}

let made = 0;

/** Makes the network; `commands` (of iproute2: "ip link set s1 mtu 1400") change it. Needs root. */
export function createNetwork(commands: readonly string[] = []): LiveNetwork {
  made += 1;
  const name = `ymoracle-${process.pid}-${made}`;
  const remove = (): void => run(["netns", "del", name]);
  const enter = <T>(inside: () => T): T => withNetworkNamespace(name, inside);
  run(["netns", "add", name]);
  try {
    run(["-n", name, "-batch", "-"], setUpLines().join("\n"));
    enter(allowForwarding);
    for (const command of commands) run(["-n", name, ...wordsOf(command)]);
    const found = enter(() => new Map(sides.map((side) => [side, linkOf(side)])));
    const at = (side: Side): Link => found.get(side) as Link;
    return {
      name,
      enter,
      indexOf: (side) => at(side).index,
      mtuOf: (side) => at(side).mtu,
      [Symbol.dispose]: remove,
    };
  } catch (error) {
    remove();
    throw error;
  }
}

function setUpLines(): string[] {
  return [
    "link set lo up",
    ...virtualAddresses.map((address) => `address add ${address}/${address.includes(":") ? 128 : 32} dev lo`),
    ...sides.flatMap((side) => {
      const { name, mac, addresses } = links[side];
      return [
        `link add ${name} address ${mac} type veth peer name ${name}-peer`,
        `link set ${name} up`,
        `link set ${name}-peer up`,
        `address add ${addresses[0]}/24 dev ${name}`,
        `address add ${addresses[1]}/64 dev ${name} nodad`,
      ];
    }),
    ...clientRouter.addresses.flatMap((address) => [
      neighbour(address, clientRouter.mac, links.c.name),
      `route add default via ${address}`,
    ]),
    ...serverNeighbours(),
  ];
}

function serverNeighbours(): string[] {
  const count = serverNumbers.last - serverNumbers.first + 1;
  return Array.from({ length: count }, (_, index) => serverNumbers.first + index).flatMap((number) =>
    [`10.2.0.${number}`, `fd00:2::${number.toString(16)}`].map((address) =>
      neighbour(address, serverMac(number), links.s.name),
    ),
  );
}

function neighbour(address: string, mac: string, device: string): string {
  return `neighbour add ${address} lladdr ${mac} dev ${device} nud permanent`;
}

/** Files under /proc/sys/net are those of the opener's namespace. */
function allowForwarding(): void {
  for (const file of ["ipv4/ip_forward", "ipv6/conf/all/forwarding"]) writeFileSync(`/proc/sys/net/${file}`, "1");
}

function linkOf(side: Side): Link {
  const link = findLink(links[side].name);
  if (link === undefined) throw new Error(`making the director's network: ${links[side].name} is not there`);
  return link;
}

/** Only iproute2's commands about this namespace: a file must not reach beyond it. */
function wordsOf(command: string): readonly string[] {
  const [program, ...words] = command.trim().split(/\s+/);
  const changesNetwork = ["link", "address", "addr", "route", "rule", "neighbour", "neigh"].includes(words[0] ?? "");
  if (program === "ip" && changesNetwork && !words.includes("netns")) return words;
  throw new Error(`setting the network up: "${command}" is not a command about links, addresses, routes or neighbours`);
}

function run(words: readonly string[], input = ""): void {
  execFileSync("ip", words, { input, stdio: ["pipe", "ignore", "pipe"] });
}
