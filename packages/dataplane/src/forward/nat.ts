// NAT, LVS's masquerading: the packet's destination becomes the real server; the server's answer comes
// back through the director and gets the service's address again.

import { translateError } from "../icmp/icmp-error.ts";
import { reasons } from "../reasons.ts";
import type { ForwardingMethod } from "./method.ts";
import { traits } from "./traits.ts";
import { translate } from "./translate.ts";

export const nat: ForwardingMethod = {
  name: "nat",
  ...traits.nat,
  mapsPorts: true,
  requestTable: "request",
  requires: [
    { kind: "ipForwarding", text: "the director forwards IPv4" },
    { kind: "repliesThroughDirector", text: "the real server's route back to the clients leads through the director" },
    { kind: "neighbourKnown", text: "the next hop to the real server answers ARP or neighbour discovery" },
  ],
  request: ({ parsed, connection }) => ({
    target: connection.address,
    change: () => translate(parsed, { destination: connection }),
  }),
  reply: (parsed, { service }) => translate(parsed, { source: service }),
  requestError: (error, { connection }) =>
    translateError(error, { own: { destination: connection.address }, quoted: { source: connection } }),
  // From the service, whoever sent it: the client knows of nobody else.
  replyError: (error, { service }) =>
    translateError(error, { own: { source: service.address }, quoted: { destination: service } }),
  // Translated: the stack routes it on and resolves the neighbour meanwhile.
  whileUnresolved: { verdict: "pass", reason: reasons.neighbourUnresolved },
  whenTooLarge: { verdict: "pass", reason: reasons.exceedsMtu },
};
