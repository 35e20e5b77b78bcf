// The reference's flows: what connections are found by.

import type { Destination } from "./destination.ts";
import type { LocalEnd } from "./local-ports.ts";

export interface Flow {
  readonly protocol: "tcp" | "udp";
  readonly source: string;
  readonly sourcePort: number;
  readonly destination: string;
  readonly destinationPort: number;
}

/** What of a connection tells how its server answers. */
interface Connection {
  readonly flow: Flow;
  readonly destination: Destination;
  readonly local: LocalEnd | undefined;
}

/** A flow as the key of tables. */
export const key = ({ protocol, source, sourcePort, destination, destinationPort }: Flow) =>
  `${protocol} ${source}:${sourcePort} ${destination}:${destinationPort}`;

/** How a connection's server answers. */
export function replyFlow({ flow, destination, local }: Connection): Flow {
  const to = local ?? { address: flow.source, port: flow.sourcePort };
  return answerFlow({ protocol: flow.protocol, destination, local: to });
}

/** How a server answers to `local`. */
export function answerFlow(of: { protocol: "tcp" | "udp"; destination: Destination; local: LocalEnd }): Flow {
  const { protocol, destination, local } = of;
  return {
    protocol,
    source: destination.address,
    sourcePort: destination.port,
    destination: local.address,
    destinationPort: local.port,
  };
}
