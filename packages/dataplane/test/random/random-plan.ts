// Random balancers: services of all kinds that share servers and addresses, so that their flows meet.

import type { Random } from "@yardmaster/packet";
import { type MethodName, type SchedulerName, schedulerNames } from "../../src/index.ts";
import type { BalancerPlan, DestinationPlan, HopPlan, ServicePlan } from "../plan.ts";

export const clients = ["203.0.113.7", "203.0.113.8", "192.0.2.1", "10.9.8.7"] as const;
export const vips = ["198.51.100.10", "198.51.100.11"] as const;
export const servers = ["10.0.0.11", "10.0.0.12", "10.0.0.13", "10.0.0.14"] as const;
/** All but twos, which draws at random itself. */
const schedulers = schedulerNames.filter((name) => name !== "twos") as [SchedulerName, ...SchedulerName[]];
/** Near the end of the 32-bit tick, where the kernel's jiffies begin too. */
const STARTS = [1000, 0xffff_ffff - 250, 0x7fff_ff00] as const;

function randomHop(random: Random): HopPlan {
  const mac = `02:00:00:00:02:0${random.below(10)}`;
  return {
    mac,
    ...(random.chance(0.2) && { ifindex: 7 }),
    ...(random.chance(0.2) && { vlan: 1 + random.below(4094) }),
    ...(random.chance(0.1) && { mtu: 50 }),
  };
}

function randomDestination(random: Random, address: string): DestinationPlan {
  const method: MethodName = random.chance(0.3) ? "dr" : "nat";
  const port = method === "nat" && random.chance(0.7) ? { port: random.pick([8080, 8080, 5353]) } : {};
  const weight = random.chance(0.1) ? 0 : random.chance(0.1) ? random.below(65536) : 1 + random.below(6);
  return { address, method, weight, hop: randomHop(random), ...port };
}

function randomService(random: Random, address: string, port: number, protocol: "tcp" | "udp"): ServicePlan {
  const destinations = servers.filter(() => random.chance(0.7)).map((server) => randomDestination(random, server));
  return { address, port, protocol, scheduler: random.pick(schedulers), destinations };
}

export function randomPlan(random: Random): BalancerPlan {
  const keys = vips.flatMap((address) =>
    [80, 53].flatMap((port) => (["tcp", "udp"] as const).map((protocol) => [address, port, protocol] as const)),
  );
  const chosen = keys.filter(() => random.chance(0.5));
  const services = (chosen.length === 0 ? keys.slice(0, 1) : chosen).map((key) => randomService(random, ...key));
  return {
    services,
    // Strange frames make a client of any address.
    clients: [...clients, ...vips, ...servers],
    now: random.pick(STARTS),
    clientHop: randomHop(random),
    sendBack: random.pick(["tx", "redirect"]),
    maximumConnections: random.chance(0.3) ? 6 + random.below(10) : 4096,
  };
}
