// A network that is written down: a machine 10.0.0.1/24 on eth0 with the VIP 198.51.100.10 and a router to 10.9.0.0/16.
import type { Network, NetworkRoute } from "../src/checks/network.ts";

const eth0 = { interfaceName: "eth0", mtu: 1500, source: "10.0.0.1" } as const;
const here = { type: "local", interfaceName: "lo", gateway: undefined, mtu: 65_536, source: undefined } as const;

/** Ways by the beginning of the address; the first that fits counts. */
const routes: Readonly<Record<string, NetworkRoute>> = {
  "10.0.0.255": { ...eth0, type: "broadcast", gateway: undefined },
  "10.0.0.": { ...eth0, type: "unicast", gateway: undefined },
  "10.9.": { ...eth0, type: "unicast", gateway: "10.0.0.254" },
  "10.8.": { ...eth0, type: "unicast", gateway: "10.0.0.254", mtu: 590 },
  "fd00::": { ...eth0, type: "unicast", gateway: undefined, source: "fd00::1" },
};
const own = ["10.0.0.1", "10.0.0.5", "198.51.100.10", "fd00::1"];

/** What differs from that machine: neighbours by interface and address, settings by name. */
export interface NetworkChanges {
  readonly neighbours?: Readonly<Record<string, { readonly mac: string | undefined; readonly state: string }>>;
  readonly settings?: Readonly<Record<string, string>>;
}

/** That machine. Forwarding is on. */
export function sampleNetwork({ neighbours = {}, settings = {} }: NetworkChanges = {}): Network {
  return {
    interfaces: () => [
      { name: "lo", index: 1, isUp: true, mtu: 65_536 },
      { name: "eth0", index: 2, isUp: true, mtu: 1500 },
      { name: "eth1", index: 3, isUp: false, mtu: 1500 },
    ],
    addresses: () => [
      { interfaceName: "lo", address: "198.51.100.10", prefixLength: 32 },
      { interfaceName: "eth0", address: "10.0.0.1", prefixLength: 24 },
      { interfaceName: "eth0", address: "10.0.0.5", prefixLength: 32 },
      { interfaceName: "eth0", address: "fd00::1", prefixLength: 64 },
    ],
    neighbour: (interfaceName, address) => neighbours[`${interfaceName} ${address}`],
    setting: (name) => settings[name] ?? (name.endsWith(".forwarding") ? "1" : undefined),
    routeTo: (address) =>
      own.includes(address) ? here : routes[Object.keys(routes).find((start) => address.startsWith(start)) ?? ""],
  };
}
