// The changes that `up` makes to this machine, each with what takes it back. A change is data, so that it can be
// written down before it is made; making and taking back may be repeated without harm.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { addAddress, findLink, listAddresses, removeAddress } from "@yardmaster/linux";
import { parsePrefix } from "@yardmaster/packet";
import { RealServerError } from "./errors.ts";
import type { VirtualService } from "./options.ts";
import { installToa, isToaInstalled, removeToa } from "./toa/install.ts";
import { makeDevice, removeDevice, type TunnelDevice } from "./unwrap/devices.ts";
import { installUnwrapper, isUnwrapperInstalled, removeUnwrapper } from "./unwrap/install.ts";

/** A value under /proc/sys. */
export interface SysctlChange {
  readonly kind: "sysctl";
  /** `net/ipv4/conf/all/arp_ignore` */
  readonly name: string;
  readonly before: string;
  readonly after: string;
}

/** An address that an interface got. */
export interface AddressChange {
  readonly kind: "address";
  readonly interface: string;
  readonly address: string;
  readonly prefixLength: number;
}

/** The programs that give the client's address back. */
export interface ToaChange {
  readonly kind: "toa";
  readonly directors: readonly string[];
  readonly controlGroup: string;
  readonly pinDirectory: string;
}

/** The program that takes outer headers off. */
export interface UnwrapChange {
  readonly kind: "unwrap";
  readonly interface: string;
  readonly directors: readonly string[];
  readonly services: readonly VirtualService[];
  readonly guePort: number;
  readonly largestSegments: { readonly 4: number; readonly 6: number } | undefined;
  readonly pinDirectory: string;
}

/** A tunnel device of the kernel. */
export interface DeviceChange {
  readonly kind: "device";
  readonly device: TunnelDevice;
}

export type Change = SysctlChange | AddressChange | ToaChange | UnwrapChange | DeviceChange;

/** Whether two changes are the same, whatever was there before. */
export function sameChange(a: Change, b: Change): boolean {
  const identity = (change: Change): string => JSON.stringify({ ...change, before: undefined });
  return identity(a) === identity(b);
}

/** Whether the machine is as `change` would make it. */
export function isInPlace(change: Change): boolean {
  switch (change.kind) {
    case "sysctl":
      return readSysctl(change.name) === change.after;
    case "address": {
      const index = findLink(change.interface)?.index;
      return listAddresses().some(
        ({ interfaceIndex, address }) => interfaceIndex === index && address === change.address,
      );
    }
    case "toa":
      return isToaInstalled(change.pinDirectory);
    case "unwrap":
      return isUnwrapperInstalled(change.pinDirectory);
    case "device":
      return findLink(change.device.name) !== undefined && readSysctl(reversePathOf(change.device)) === "2";
  }
}

/** Makes a change. Throws what the kernel refuses. */
export function make(change: Change): void {
  switch (change.kind) {
    case "sysctl":
      writeSysctl(change.name, change.after);
      break;
    case "address":
      addAddress({ ...change, interfaceIndex: indexOf(change.interface) });
      break;
    case "toa":
      installToa({ ...change, directors: change.directors.map(parsePrefix) });
      break;
    case "device":
      makeDevice(change.device);
      writeSysctl(reversePathOf(change.device), "2");
      break;
    case "unwrap": {
      const { interface: interfaceName, ...options } = change;
      installUnwrapper({ ...options, interfaceName, directors: change.directors.map(parsePrefix) });
      break;
    }
  }
}

/** Takes a change back. The result says what was left as it is because somebody else had changed it meanwhile. */
export function takeBack(change: Change): string | undefined {
  switch (change.kind) {
    case "sysctl": {
      const now = tryReadSysctl(change.name);
      if (now === undefined || now === change.before) return undefined;
      if (now !== change.after) return `${change.name} is ${now}, not the ${change.after} we had set: left as it is`;
      writeSysctl(change.name, change.before);
      return undefined;
    }
    case "address": {
      const index = findLink(change.interface)?.index;
      if (index !== undefined) removeAddress({ ...change, interfaceIndex: index });
      return undefined;
    }
    case "toa":
      removeToa(change.pinDirectory);
      return undefined;
    case "device":
      removeDevice(change.device.name);
      return undefined;
    case "unwrap":
      removeUnwrapper({ pinDirectory: change.pinDirectory, interfaceName: change.interface });
      return undefined;
  }
}

/** A sentence about a change, for people. */
export function describeChange(change: Change): string {
  switch (change.kind) {
    case "sysctl":
      return `${change.name} = ${change.after} (was ${change.before})`;
    case "address":
      return `${change.address}/${change.prefixLength} on ${change.interface}`;
    case "toa":
      return `clients' addresses from ${change.directors.join(", ")} told to programs in ${change.controlGroup}`;
    case "device":
      return `device ${change.device.name} for tunnels from ${change.device.director}`;
    case "unwrap":
      return `tunnels from ${change.directors.join(", ")} unwrapped on ${change.interface} (GUE: ${change.guePort})`;
  }
}

/** Loose (2) for a device: what comes out of it is from clients, and the way to them is another. */
function reversePathOf({ name }: TunnelDevice): string {
  return `net/ipv4/conf/${name}/rp_filter`;
}

function indexOf(name: string): number {
  const index = findLink(name)?.index;
  if (index !== undefined) return index;
  throw new RealServerError("YM_REALSERVER_INTERFACE", `looking for interface "${name}": there is none of that name`);
}

/** The value under /proc/sys/`name`. */
export function readSysctl(name: string): string {
  return readFileSync(join("/proc/sys", name), "utf8").trim();
}

function tryReadSysctl(name: string): string | undefined {
  try {
    return readSysctl(name);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

function writeSysctl(name: string, value: string): void {
  try {
    writeFileSync(join("/proc/sys", name), value);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    const advice = "run this as root, outside of containers with a read-only /proc/sys";
    const message = `setting ${name} to ${value}: ${why}; ${advice}`;
    throw new RealServerError("YM_REALSERVER_SYSCTL", message, { cause });
  }
}
