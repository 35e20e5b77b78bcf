// Direct routing: the packet stays as it is and goes to the real server's MAC address. The server holds
// the service's address itself and answers the client directly.

import { reasons } from "../reasons.ts";
import type { ForwardingMethod } from "./method.ts";
import { traits } from "./traits.ts";

export const directRouting: ForwardingMethod = {
  name: "dr",
  ...traits.dr,
  mapsPorts: false,
  requestTable: "requestOnly",
  requires: [
    { kind: "ipForwarding", text: "the director forwards IPv4" },
    { kind: "onLink", text: "the real server is on the same layer-2 segment as the director" },
    {
      kind: "vipOnServer",
      text: "the real server has the service's address on an interface that does not answer ARP for it",
    },
    { kind: "neighbourKnown", text: "the next hop to the real server answers ARP or neighbour discovery" },
  ],
  request: ({ connection }) => ({ target: connection.address }),
  // The stack would deliver it to the director's own sockets and reset the connection.
  whileUnresolved: { verdict: "drop", reason: reasons.directNeighbourUnresolved },
  whenTooLarge: { verdict: "drop", reason: reasons.directExceedsMtu },
};
