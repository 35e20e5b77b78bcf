// Builds a layout out of network namespaces, veth pairs and a bridge, and takes it down again.
// All of it lives inside the namespaces: deleting them deletes every interface, address and route.
import { writeFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

import { setOffloads, withNetworkNamespace } from "@yardmaster/linux";

import type { LabFamily } from "./addresses.ts";
import { ip, ipBatch } from "./ip-command.ts";
import { LabError } from "./lab-error.ts";
import type { HostPlan, LabLayout, LinkPlan } from "./layout.ts";
import { hardwareAddressOf } from "./layout.ts";

const linksUpTimeoutMs = 10_000;

/** A network that stands: names of the namespaces by the host's name. */
export interface LabNetwork {
  readonly layout: LabLayout;
  /** Namespaces are named PREFIX-HOST. */
  readonly prefix: string;
}

/** The namespace of a host, as `ip netns` knows it. */
export function namespaceOf(network: LabNetwork, host: string): string {
  return `${network.prefix}-${host}`;
}

/**
 * Builds the network. When it throws half-way, what stands so far is for the caller to remove
 * (`removeNamespaces`): it knows the prefix, so nothing needs to be handed over.
 */
export async function buildNetwork(layout: LabLayout, prefix: string): Promise<LabNetwork> {
  const network: LabNetwork = { layout, prefix };
  // One after the other: the first `ip netns add` of a machine makes /run/netns a shared mount, and two at once race.
  for (const host of layout.hosts) await ip("netns", "add", namespaceOf(network, host.name));
  for (const host of layout.hosts) applySettings(network, host);
  for (const link of layout.links) await addLink(network, link);
  if (layout.hook !== "tc") for (const link of layout.links) setOffloadsOf(network, link);
  await Promise.all(layout.hosts.map((host) => configureHost(network, host)));
  await waitForLinks(network);
  return network;
}

/** What every host of a lab has, by the layout's family: beside IPv4, IPv6 is off, for its chatter would be counted. */
const familySettings: Readonly<Record<LabFamily, Readonly<Record<string, string>>>> = {
  ipv4: { "ipv6/conf/all/disable_ipv6": "1", "ipv6/conf/default/disable_ipv6": "1" },
  // Addresses work at once, and nobody looks for routers: there are no others than the layout's.
  ipv6: {
    "ipv6/conf/default/accept_dad": "0",
    "ipv6/conf/default/dad_transmits": "0",
    "ipv6/conf/default/accept_ra": "0",
    "ipv6/conf/default/router_solicitations": "0",
  },
};

function applySettings(network: LabNetwork, host: HostPlan): void {
  const settings = { ...familySettings[host.kind === "switch" ? "ipv4" : network.layout.family], ...host.settings };
  withNetworkNamespace(namespaceOf(network, host.name), () => {
    for (const [name, value] of Object.entries(settings)) writeFileSync(`/proc/sys/net/${name}`, value);
  });
}

async function addLink(network: LabNetwork, { ends: [a, b] }: LinkPlan): Promise<void> {
  const [namespaceA, namespaceB] = [namespaceOf(network, a.host), namespaceOf(network, b.host)];
  const [macA, macB] = [hardwareAddressOf(network.layout, a), hardwareAddressOf(network.layout, b)];
  const peer = ["peer", "name", b.interfaceName, "address", macB, "netns", namespaceB];
  await ip("link", "add", a.interfaceName, "address", macA, "netns", namespaceA, "type", "veth", ...peer);
}

/**
 * Prepares a cable for an XDP program at the director: checksums are computed and segments cut before a frame
 * enters the cable, so that XDP sees neither partial checksums nor super packets; and GRO is on, which has a veth
 * receive as drivers with XDP do (NAPI): frames that XDP redirects into the cable vanish without it. For a program at
 * tc cables stay as the kernel makes them, with all of its offloads.
 */
function setOffloadsOf(network: LabNetwork, { ends }: LinkPlan): void {
  for (const { host, interfaceName } of ends) {
    withNetworkNamespace(namespaceOf(network, host), () =>
      setOffloads(interfaceName, { tso: false, gso: false, txChecksum: false, gro: true }),
    );
  }
}

async function configureHost(network: LabNetwork, host: HostPlan): Promise<void> {
  const interfaces = network.layout.links.flatMap(({ ends }) =>
    ends.filter((end) => end.host === host.name).map((end) => end.interfaceName),
  );
  const bridge = host.kind === "switch" ? { name: "br0", ports: interfaces } : host.bridge;
  await ipBatch(namespaceOf(network, host.name), [
    ...(bridge === undefined ? [] : bridgeLines(bridge)),
    "link set lo up",
    ...interfaces.map((name) => `link set ${name} up`),
    ...host.addresses.map(
      ({ interfaceName, address }) =>
        `address add ${address} dev ${interfaceName}${address.includes(":") ? " nodad" : ""}`,
    ),
    ...host.routes.map((route) => `route add ${route}`),
  ]);
}

function bridgeLines({ name, ports }: NonNullable<HostPlan["bridge"]>): readonly string[] {
  return [
    `link add ${name} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
    `link set ${name} up`,
    ...ports.map((port) => `link set ${port} master ${name}`),
  ];
}

/** What `ip -j link` tells of an interface, as far as the lab reads it. */
interface LinkRecord {
  readonly ifname: string;
  readonly operstate: string;
  /** "UP" where it has been brought up. */
  readonly flags: readonly string[];
  readonly xdp?: unknown;
}

async function linksOf(network: LabNetwork, host: string): Promise<readonly LinkRecord[]> {
  return JSON.parse(await ip("-n", namespaceOf(network, host), "-j", "link", "show")) as LinkRecord[];
}

/**
 * Waits until every cable carries: the kernel starts a queue up to a second after the peer came up
 * (net/core/link_watch.c) and drops what is sent before. Interfaces that nobody brought up are not the lab's: modules
 * of tunnels put some into every namespace (tunl0, sit0 …).
 */
async function waitForLinks(network: LabNetwork): Promise<void> {
  const deadline = Date.now() + linksUpTimeoutMs;
  for (const { name } of network.layout.hosts) {
    for (let down = ["?"]; down.length > 0; ) {
      const links = await linksOf(network, name);
      const ours = links.filter(({ ifname, flags }) => ifname !== "lo" && flags.includes("UP"));
      down = ours.filter(({ operstate }) => operstate !== "UP").map(({ ifname }) => ifname);
      if (down.length > 0 && Date.now() > deadline) {
        const what = `interfaces ${down.join(", ")} of host "${name}" are not up after ${linksUpTimeoutMs} ms`;
        throw new LabError("YM_LAB_COMMAND_FAILED", `building the lab network: ${what}`);
      }
      if (down.length > 0) await sleep(20);
    }
  }
}

/** Names of the interfaces of a host that carry an XDP program. */
export async function interfacesWithXdp(network: LabNetwork, host: string): Promise<readonly string[]> {
  const links = await linksOf(network, host);
  return links.filter((link) => link.xdp !== undefined).map((link) => link.ifname);
}

/** The namespaces whose names start with this prefix. */
export async function listNamespaces(prefix: string): Promise<readonly string[]> {
  const text = await ip("netns", "list");
  const names = text.split("\n").map((line) => line.split(" ")[0] ?? "");
  return names.filter((name) => name.startsWith(prefix));
}
