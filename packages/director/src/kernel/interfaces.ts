// Which interfaces the director works on, and what must be true of them before it starts.

import { existsSync, readFileSync } from "node:fs";
import type { FamilyName } from "@yardmaster/dataplane";
import { type Link, listAddresses, listLinks } from "@yardmaster/linux";
import { DirectorError } from "../errors.ts";
import { isProbeInterface } from "../probes/probe-interfaces.ts";

/** Interfaces by what they are to the director. */
export interface ChosenInterfaces {
  /** Where the program goes. VLAN interfaces are served by the one below them, which sees their tags. */
  readonly attach: readonly Link[];
  /** All VLAN interfaces of this machine: routes that lead there lead to a tag on the interface below. */
  readonly vlans: readonly Link[];
  /** How the program must send packets back where they came from. */
  readonly sendBack: "tx" | "redirect";
  /** MAC addresses that frames for this machine carry. */
  readonly macs: readonly Uint8Array[];
}

/** Takes the named interfaces, or those that have an IPv4 address and with it a route. */
export function chooseInterfaces(names: readonly string[] | undefined): ChosenInterfaces {
  const links = listLinks();
  // Every interface that is up has an IPv6 address of its own making: that says nothing of what it is for.
  const ipv4 = listAddresses().filter(({ address }) => !address.includes(":"));
  const addressed = new Set(ipv4.map(({ interfaceIndex }) => interfaceIndex));
  const wanted =
    names === undefined
      ? links.filter((link) => link.isUp && isForPackets(link) && addressed.has(link.index))
      : names.map((name) => named(links, name));
  const attach = new Map<number, Link>();
  for (const link of wanted) {
    const base = lowest(links, link);
    attach.set(base.index, base);
  }
  if (attach.size === 0) {
    throw new DirectorError("YM_RUN_NO_INTERFACE", "choosing interfaces: none is up and has an IPv4 address", {
      hint: "bring one up, or name those to use under director.interfaces",
    });
  }
  const used = [...attach.values()];
  const vlans = links.filter((link) => link.vlanId !== undefined && link.linkIndex !== undefined);
  const macs = [...used, ...vlans.filter((vlan) => attach.has(vlan.linkIndex ?? 0))].flatMap(({ mac }) =>
    mac === undefined ? [] : [mac],
  );
  if (macs.length === 0) {
    const all = used.map(({ name }) => name).join(", ");
    throw new DirectorError("YM_RUN_NO_MAC", `choosing interfaces: ${all} has no Ethernet address`, {
      hint: "the director works on Ethernet interfaces; name one under director.interfaces",
    });
  }
  const sendBack = used.some(({ kind }) => kind === "veth") ? "redirect" : "tx";
  return { attach: used, vlans, sendBack, macs: [...new Set(macs)].map(macBytes) };
}

/** Loopback has none of clients or servers, and a director's own interfaces for checks none of others. */
function isForPackets({ name }: Link): boolean {
  return name !== "lo" && !isProbeInterface(name);
}

function named(links: readonly Link[], name: string): Link {
  const link = links.find((candidate) => candidate.name === name);
  if (link !== undefined) return link;
  const known = links.map((candidate) => candidate.name).join(", ");
  throw new DirectorError("YM_RUN_NO_INTERFACE", `choosing interfaces: there is no interface "${name}"`, {
    hint: `there are: ${known}`,
  });
}

function lowest(links: readonly Link[], link: Link): Link {
  if (link.vlanId === undefined) return link;
  const below = links.find(({ index }) => index === link.linkIndex);
  return below === undefined ? link : lowest(links, below);
}

function macBytes(text: string): Uint8Array {
  return Uint8Array.from(text.split(":"), (part) => Number.parseInt(part, 16));
}

/** What is off by default, and how to turn it on. */
const forwarding: Readonly<Record<FamilyName, { readonly name: string; readonly command: string }>> = {
  ipv4: { name: "IPv4", command: "sysctl -w net.ipv4.ip_forward=1" },
  ipv6: { name: "IPv6", command: "sysctl -w net.ipv6.conf.all.forwarding=1" },
};

/** Throws unless these families are forwarded where packets come in: bpf_fib_lookup answers nothing without that. */
export function assertForwarding(links: readonly Link[], families: readonly FamilyName[]): void {
  for (const family of families) {
    const off = links.filter((link) => !forwards(link, family));
    if (off.length === 0) continue;
    const names = off.map((link) => link.name).join(", ");
    const { name, command } = forwarding[family];
    throw new DirectorError("YM_RUN_FORWARDING", `forwarding packets: ${name} forwarding is off on ${names}`, {
      hint: `a director forwards packets: ${command}`,
    });
  }
}

function forwards({ name }: Link, family: FamilyName): boolean {
  const file = `/proc/sys/net/${family}/conf/${name}/forwarding`;
  // A kernel without IPv6, or an interface on which it is off, has no such file.
  return existsSync(file) && readFileSync(file, "utf8").trim() !== "0";
}
