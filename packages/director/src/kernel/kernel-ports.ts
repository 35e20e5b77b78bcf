// The ports that this machine's kernel gives to sockets that ask for any (net.ipv4.ip_local_port_range, which holds for
// IPv6 too; Documentation/networking/ip-sysctl.rst).

import { readFileSync } from "node:fs";
import { type KernelPorts, usualKernelPorts } from "../plan/settings.ts";

/** The range; Linux's default where it cannot be read. */
export function readKernelPorts(file = "/proc/sys/net/ipv4/ip_local_port_range"): KernelPorts {
  try {
    const [first, last] = readFileSync(file, "utf8").trim().split(/\s+/).map(Number);
    return first !== undefined && last !== undefined && first <= last ? { first, last } : usualKernelPorts;
  } catch {
    return usualKernelPorts;
  }
}
