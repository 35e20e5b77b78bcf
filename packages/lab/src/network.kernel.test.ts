// The lab's networks on a real kernel: what stands when one is built, and that an XDP program would see whole packets.
import { readOffloads, withNetworkNamespace } from "@yardmaster/linux";
import { afterEach, describe, expect, test } from "vitest";

import { createLabFolder, listLabs, takeDown } from "./cleanup.ts";
import type { LabFamily } from "./addresses.ts";
import { ip } from "./ip-command.ts";
import { layoutOf } from "./layouts.ts";
import type { LabNetwork } from "./network.ts";
import { buildNetwork, interfacesWithXdp, listNamespaces, namespaceOf } from "./network.ts";

const names: string[] = [];

async function build(method: "nat" | "dr", family: LabFamily = "ipv4"): Promise<LabNetwork> {
  const name = createLabFolder();
  names.push(name);
  return buildNetwork(layoutOf({ method, family }, 3), `${name}-${method}`);
}

describe.skipIf(process.getuid?.() !== 0)("a lab network (needs root)", () => {
  afterEach(async () => {
    for (const name of names.splice(0)) await takeDown(name);
  });

  test.each(["nat", "dr"] as const)("%s: no cable carries partial checksums or super packets", async (method) => {
    const network = await build(method);
    for (const { ends } of network.layout.links) {
      for (const { host, interfaceName } of ends) {
        const offloads = withNetworkNamespace(namespaceOf(network, host), () => readOffloads(interfaceName));
        expect(offloads).toMatchObject({ txChecksum: false, tso: false, gso: false, gro: true });
      }
    }
    expect(await interfacesWithXdp(network, "director")).toEqual([]);
  });

  test("the servers for direct routing hold the VIP and keep silent about it", async () => {
    const network = await build("dr");
    const neighbour = async (address: string): Promise<string> => {
      await ip("netns", "exec", namespaceOf(network, "router"), process.execPath, "--eval", askFor(address));
      return ip("-n", namespaceOf(network, "router"), "neigh", "show", "to", address);
    };
    const links = await ip("-n", namespaceOf(network, "director"), "-j", "link", "show", "eth0");
    const [director] = JSON.parse(links) as { readonly address: string }[];
    expect(await neighbour(network.layout.virtualAddress)).toContain(`lladdr ${director?.address} `);
    expect(await ip("-n", namespaceOf(network, "server1"), "address", "show", "dev", "lo")).toContain(
      `${network.layout.virtualAddress}/32`,
    );
  });

  test("taken down, it leaves nothing, and taking it down again does no harm", async () => {
    const network = await build("nat");
    const [name = ""] = names;
    expect(await listLabs()).toContain(name);
    await takeDown(name);
    expect(await listNamespaces(network.prefix)).toEqual([]);
    expect(await listLabs()).not.toContain(name);
    await takeDown(name);
  });
});

/** A program that makes its host resolve the address: it sends a datagram there. */
function askFor(address: string): string {
  return `
    const socket = require("node:dgram").createSocket("udp4");
    socket.send("x", 9, ${JSON.stringify(address)}, () => setTimeout(() => socket.close(), 300));
  `;
}
