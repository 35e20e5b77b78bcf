// The balancer as the benchmark runs it: planned and brought to life by the director's own code from a configuration
// of one service for TCP and UDP. Measured by main.ts, pinned by pin-for-harness.ts.

import {
  type BalancerShape,
  featureNames,
  type MethodName,
  type SchedulerName,
  schedulerNames,
} from "@yardmaster/dataplane";
import { createDataplane, type Dataplane, type Plan, parseConfiguration, plan } from "@yardmaster/director/simulation";
import { createKernelHost, type KernelProgram } from "@yardmaster/ebpf/kernel";
import { network } from "./network.ts";

/** A loaded balancer with its maps; all close together. */
export type Subject = Dataplane<KernelProgram>;

/** The forwarding methods in the order of the tables. */
export const METHODS: readonly MethodName[] = ["dr", "nat", "tun", "fullnat"];

/** What is configured besides the service's address. */
export interface SubjectOptions {
  readonly method: MethodName;
  readonly maximumConnections: number;
  /** Default rr. */
  readonly scheduler?: SchedulerName;
  /** Default: those of the network. */
  readonly servers?: readonly string[];
}

/** Builds, loads and configures the balancer. */
export function createSubject(options: SubjectOptions): Subject {
  return createDataplane(createKernelHost(), planFor(options), { sourceTowards: () => network.directorAddress });
}

function planFor({ method, maximumConnections, scheduler = "rr", servers: addresses }: SubjectOptions): Plan {
  const servers = (addresses ?? network.servers).map((address) => `      - { address: ${address} }`).join("\n");
  const service = (protocol: string) => `  ${protocol}:
    address: ${network.serviceAddress}
    port: ${network.servicePort}
    protocol: ${protocol}
    scheduler: ${scheduler}
    forwarding: ${method}
    servers:
${servers}`;
  const local = method === "fullnat" ? `, localAddresses: ["${network.localAddresses}"]` : "";
  const director = `director: { connections: { maximum: ${maximumConnections} }${local} }`;
  const text = [director, "services:", service("tcp"), service("udp"), ""].join("\n");
  const { configuration } = parseConfiguration(text, "benchmark");
  return plan(configuration, [macBytes(network.directorMac)]);
}

/** Everything that there is, compiled in. */
export const largestShape: BalancerShape = {
  families: ["ipv4"],
  schedulers: schedulerNames,
  methods: ["nat", "dr", "tun"],
  encapsulations: ["ipip", "gue", "gre"],
  macs: [macBytes(network.directorMac)],
  maximumConnections: 1 << 16,
  maximumServices: 1024,
  maximumDestinations: 4096,
  maximumMembers: 1024,
  activeCost: 256,
  features: featureNames,
  clock: "jiffies",
};

/** An IPv4 address as a number, most significant byte first. */
export function addressNumber(address: string): number {
  return address.split(".").reduce((number, byte) => number * 256 + Number(byte), 0);
}

/** The bytes of a MAC address. */
export function macBytes(mac: string): Uint8Array {
  return Uint8Array.from(mac.split(":"), (byte) => Number.parseInt(byte, 16));
}
