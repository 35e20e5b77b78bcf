// Counts the frames on the lab's cables before and after the traffic, to tell which way the packets went.
// The counters are the kernel's own, of every interface, XDP or not (drivers/net/veth.c, veth_get_stats64).
import { readFileSync } from "node:fs";

import { withNetworkNamespace } from "@yardmaster/linux";

import { ip } from "./ip-command.ts";
import { serverHosts } from "./layout.ts";
import type { LabNetwork } from "./network.ts";
import { namespaceOf } from "./network.ts";

/** Frame counts, since the network stands or of a span of time. */
export interface FrameCounts {
  /** IP packets of the client, all of them for the director: requests. One is a frame. */
  readonly requests: number;
  /** What the real servers sent: replies. */
  readonly replies: number;
  /** What reached the director beyond the requests: replies on their way back through it. */
  readonly repliesThroughDirector: number;
}

interface LinkStatistics {
  readonly ifname: string;
  readonly stats64: { readonly rx: { readonly packets: number }; readonly tx: { readonly packets: number } };
}

/** Reads the counters. */
export async function readFrames(network: LabNetwork): Promise<FrameCounts> {
  const { directorInterfaces } = network.layout;
  const director = (await statisticsOf(network, "director")).filter(({ ifname }) =>
    directorInterfaces.includes(ifname),
  );
  const servers = await Promise.all(serverHosts(network.layout).map(({ name }) => statisticsOf(network, name)));
  const requests = packetsSentBy(network, "client");
  return {
    requests,
    replies: sum(servers.flat().map(sent)),
    repliesThroughDirector: sum(director.map((link) => link.stats64.rx.packets)) - requests,
  };
}

/** What was counted between two readings. */
export function framesBetween(before: FrameCounts, after: FrameCounts): FrameCounts {
  return {
    requests: after.requests - before.requests,
    replies: after.replies - before.replies,
    // ARP frames count as what reaches the director, but not as requests.
    repliesThroughDirector: Math.max(0, after.repliesThroughDirector - before.repliesThroughDirector),
  };
}

async function statisticsOf(network: LabNetwork, host: string): Promise<readonly LinkStatistics[]> {
  const text = await ip("-n", namespaceOf(network, host), "-s", "-j", "link", "show");
  return (JSON.parse(text) as LinkStatistics[]).filter((link) => link.ifname !== "lo");
}

/**
 * IP packets that a host has sent, without ICMP, which has IPv6's neighbour discovery in it: OutRequests less OutMsgs
 * (RFC 4293, RFC 2466), as net/ipv4/proc.c and net/ipv6/proc.c print them.
 */
function packetsSentBy(network: LabNetwork, host: string): number {
  const read = (file: string): string => readFileSync(`/proc/thread-self/net/${file}`, "utf8");
  const { ipv4, ipv6 } = withNetworkNamespace(namespaceOf(network, host), () => ({
    ipv4: read("snmp"),
    ipv6: read("snmp6"),
  }));
  // In IPv4's file a line with names is followed by one with values, both beginning with the protocol.
  const valueOf = (protocol: string, name: string): number => {
    const [names, values] = ipv4.split("\n").flatMap((line) => (line.startsWith(protocol) ? [line.split(" ")] : []));
    return Number(values?.[names?.indexOf(name) ?? -1] ?? 0);
  };
  const valueOf6 = (name: string): number => Number(new RegExp(`^${name}\\s+(\\d+)`, "m").exec(ipv6)?.[1] ?? 0);
  const sent4 = valueOf("Ip:", "OutRequests") - valueOf("Icmp:", "OutMsgs");
  return sent4 + valueOf6("Ip6OutRequests") - valueOf6("Icmp6OutMsgs");
}

function sent(link: LinkStatistics): number {
  return link.stats64.tx.packets;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, value) => total + value, 0);
}
