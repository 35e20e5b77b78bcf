// Counts the frames on the lab's cables before and after the traffic, to tell which way the packets went.
// The counters are the kernel's own, of every interface, XDP or not (drivers/net/veth.c, veth_get_stats64).
import { ip } from "./ip-command.ts";
import { serverHosts } from "./layout.ts";
import type { LabNetwork } from "./network.ts";
import { namespaceOf } from "./network.ts";

/** Frame counts, since the network stands or of a span of time. */
export interface FrameCounts {
  /** What was sent towards the director: requests. */
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
  const { requestLink } = network.layout;
  const links = await statisticsOf(network, requestLink.host);
  const director = await statisticsOf(network, "director");
  const servers = await Promise.all(serverHosts(network.layout).map(({ name }) => statisticsOf(network, name)));
  const requests = sum(links.filter((link) => link.ifname === requestLink.interfaceName).map(sent));
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
    // A stray ARP frame may be counted by one side a moment before the other.
    repliesThroughDirector: Math.max(0, after.repliesThroughDirector - before.repliesThroughDirector),
  };
}

async function statisticsOf(network: LabNetwork, host: string): Promise<readonly LinkStatistics[]> {
  const text = await ip("-n", namespaceOf(network, host), "-s", "-j", "link", "show");
  return (JSON.parse(text) as LinkStatistics[]).filter((link) => link.ifname !== "lo");
}

function sent(link: LinkStatistics): number {
  return link.stats64.tx.packets;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, value) => total + value, 0);
}
