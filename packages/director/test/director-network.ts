// A network namespace with two pairs of veths, as a director needs it: addresses, a route, forwarding on.

import { execFileSync } from "node:child_process";
import { findTcProgram } from "@yardmaster/ebpf/kernel";
import { listLinks, withNetworkNamespace } from "@yardmaster/linux";
import type { Configuration } from "../src/model/configuration.ts";
import { configuration, service } from "./sample.ts";

export interface DirectorNetwork extends Disposable {
  readonly name: string;
  /** Runs inside; synchronous. */
  enter<T>(run: () => T): T;
  /** Names of the interfaces that carry an XDP program, or a director's at tc. */
  interfacesWithPrograms(): readonly string[];
}

const COMMANDS = [
  "link set lo up",
  ...["front", "back"].flatMap((name) => [
    `link add ${name} type veth peer name ${name}-peer`,
    `link set ${name} up`,
    `link set ${name}-peer up`,
  ]),
  "address add 198.51.100.1/24 dev front",
  "address add 10.0.0.1/24 dev back",
];

/** Interfaces "front" (198.51.100.1/24) and "back" (10.0.0.1/24); disposing deletes the namespace and all inside. */
export function createDirectorNetwork(): DirectorNetwork {
  const name = `ymtest-director-${process.pid}`;
  const ip = (...args: readonly string[]): void => void execFileSync("ip", args);
  const remove = (): void => ip("netns", "del", name);
  const enter = <T>(run: () => T): T => withNetworkNamespace(name, run);
  ip("netns", "add", name);
  try {
    for (const command of COMMANDS) ip("-n", name, ...command.split(" "));
    ip("netns", "exec", name, "sysctl", "-qw", "net.ipv4.ip_forward=1");
  } catch (error) {
    remove();
    throw error;
  }
  const interfacesWithPrograms = () => enter(namesOfAttached);
  return { name, enter, interfacesWithPrograms, [Symbol.dispose]: remove };
}

/** Names of the interfaces of this network namespace that carry an XDP program, or a director's at tc. */
export function namesOfAttached(): readonly string[] {
  return listLinks()
    .filter(({ xdp, index }) => xdp !== undefined || findTcProgram(index, "yardmaster") !== undefined)
    .map(({ name }) => name);
}

/** What is brought up there: nat and dr, a scheduler with a table and one without, both interfaces. */
export const bothMethods: Configuration = configuration(
  [
    service({ scheduler: "sh", servers: [{ address: "10.0.0.11" }] }),
    service({ name: "dns", port: 53, protocol: "udp", forwarding: "dr", servers: [{ address: "10.0.0.12" }] }),
  ],
  { interfaces: ["front", "back"] },
);
