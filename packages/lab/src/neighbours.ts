// The director's neighbours on the lab's cables: each receives with a program, so that the director's own can send.
import type { HostProcess } from "./host-process.ts";
import { programCommand, startHostProcess } from "./host-process.ts";
import type { LabNetwork } from "./network.ts";
import { namespaceOf } from "./network.ts";

/** Starts a program on every interface at the other end of one of the director's cables. */
export function startNeighbours(network: LabNetwork, logFolder: string): readonly HostProcess[] {
  const neighbours = network.layout.links.flatMap(({ ends: [a, b] }) =>
    a.host === "director" ? [b] : b.host === "director" ? [a] : [],
  );
  return neighbours.map(({ host, interfaceName }) =>
    startHostProcess({
      namespace: namespaceOf(network, host),
      name: `${host}-${interfaceName}`,
      command: programCommand("neighbour.ts", interfaceName),
      logFolder,
      channel: "messages",
    }),
  );
}
