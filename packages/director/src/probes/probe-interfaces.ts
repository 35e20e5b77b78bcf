// The pair of interfaces that checks through the data plane take: their sockets are at one end, and at the other a
// program takes what they send. It has no ARP: both ends have one link-layer address, so whatever goes into one end is
// for the other.

import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { createHash } from "node:crypto";
import type { FamilyName } from "@yardmaster/dataplane";
import { findTcProgram } from "@yardmaster/ebpf/kernel";
import {
  addAddress,
  addLinkRoute,
  addPair,
  bringUp,
  findLink,
  listLinks,
  removeLink,
  setOffloads,
} from "@yardmaster/linux";
import { formatAddress } from "@yardmaster/packet";
import { DirectorError } from "../errors.ts";
import { defaultInstance } from "../succession/instance.ts";
import type { ProbeNetworks } from "./probe-network.ts";

/** What such interfaces are called; a name has 15 characters at most. */
const NAMES = /^ymc(heck[01]|-\w+[ab])$/;
/** Of a director that nothing outlives: with its process's number. */
const EPHEMERAL = /^ymc-p(\d+)a$/;
/** The program's name (dataplane/src/probe/prober.ts). */
const PROBER = "yardmaster_via";
/** Locally administered (IEEE 802), "ymck". */
const MAC = Uint8Array.of(0x02, 0x79, 0x6d, 0x63, 0x6b, 0x00);
/** The longest that the kernel makes: an answer may be as long as any interface takes. */
const LONGEST = 65_535;
/** What checks send fits into any tunnel on the way, and servers' segments are no longer (RFC 8200 §5). */
const CHECK_MTU = 1280;

/** Whether an interface is one of a director's own for checks. */
export function isProbeInterface(name: string): boolean {
  return NAMES.test(name);
}

/** What an instance's are called; `undefined`: of a director that nothing outlives. */
export function probeInterfaceNames(instance: string | undefined): readonly [sockets: string, program: string] {
  if (instance === defaultInstance) return ["ymcheck0", "ymcheck1"];
  const own = instance === undefined ? `p${process.pid}` : hash(instance);
  return [`ymc-${own}a`, `ymc-${own}b`];
}

function hash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 8);
}

/** A pair that is up. */
export interface ProbeInterfaces extends Disposable {
  readonly names: readonly [sockets: string, program: string];
  /** Index of the program's end. */
  readonly index: number;
  readonly mac: Uint8Array;
  readonly families: readonly FamilyName[];
}

/** Makes a pair with these networks. Throws what the kernel says, with nothing left. */
export function makeProbeInterfaces(names: ProbeInterfaces["names"], networks: ProbeNetworks): ProbeInterfaces {
  if (!addPair({ names, mac: MAC, mtu: LONGEST })) {
    throw new DirectorError(
      "YM_CHECK_INTERFACES",
      `making interfaces "${names.join('" and "')}": one is there already`,
    );
  }
  const dispose = (): void => void removeProbeInterfaces(names);
  try {
    const [sockets, program] = names.map((name) => findLink(name)?.index ?? 0) as [number, number];
    for (const index of [sockets, program]) bringUp(index, { withoutArp: true });
    const families = (["ipv4", "ipv6"] as const).filter((family) => open(family, names));
    for (const family of families) {
      const { prefix, own } = networks[family];
      const address = formatAddress(prefix.address);
      addAddress({ interfaceIndex: sockets, address: own, prefixLength: prefix.address.length * 8 });
      addLinkRoute({ address, prefixLength: prefix.length, interfaceIndex: sockets, mtu: CHECK_MTU });
    }
    // XDP programs send into one end only where the other one collects packets: NAPI runs then (veth_xdp_xmit).
    setOffloads(names[0], { gro: true });
    return { names, index: program, mac: MAC, families, [Symbol.dispose]: dispose };
  } catch (error) {
    dispose();
    throw error;
  }
}

/** Removes an instance's pair; false where there is none. */
export function removeProbeInterfaces([name]: ProbeInterfaces["names"]): boolean {
  const link = findLink(name);
  return link !== undefined && removeLink(link.index);
}

/** What a killed director left: of this instance, or of a process that is no more, and no other's that we don't see. */
export function removeStale(names: ProbeInterfaces["names"]): void {
  removeProbeInterfaces(names);
  for (const { name, index, linkIndex = 0 } of listLinks()) {
    const [, pid] = EPHEMERAL.exec(name) ?? [];
    if (pid === undefined || existsSync(`/proc/${pid}`)) continue;
    if (findTcProgram(linkIndex, PROBER) === undefined) removeLink(index);
  }
}

/** Has the kernel route packets of a family that come in at the program's end; false where it has no such family. */
function open(family: FamilyName, [sockets, program]: ProbeInterfaces["names"]): boolean {
  const setting = (name: string, field: string) => `/proc/sys/net/${family}/conf/${name}/${field}`;
  if (!existsSync(setting(program, "forwarding"))) return false;
  if (family === "ipv6") for (const name of [sockets, program]) write(setting(name, "disable_ipv6"), "0");
  write(setting(program, "forwarding"), "1");
  return true;
}

function write(path: string, value: string): void {
  if (readFileSync(path, "utf8").trim() === value) return;
  try {
    writeFileSync(path, value);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const advice = `interfaces begin with ${path.replace(/ymc[^/]*/, "default")}: set that to ${value}`;
    throw new DirectorError("YM_CHECK_INTERFACES", `setting ${path} to ${value}: ${reason}; ${advice}`, {
      cause: error,
    });
  }
}
