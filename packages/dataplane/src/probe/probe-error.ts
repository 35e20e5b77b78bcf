// An ICMP error about a health check's packet: to the check's socket, as about what that has sent.

import { Packet, verdictFn } from "@yardmaster/ebpf";
import { fullNat } from "../forward/full-nat.ts";
import { readError } from "../icmp/read-error.ts";
import { sendToCheck } from "./answer-probe.ts";
import type { SendingRoad } from "../sending.ts";

/** The function that sends one whose ends are in the errand. To the socket it looks as it does to a fullnat client. */
export function probeErrorFunction(road: SendingRoad) {
  const { family } = road;
  return verdictFn(
    `probe_error${family.digit}`,
    { packet: Packet, errand: family.Errand },
    ({ packet, errand }) => {
      const { parsed, reply } = readError(road, packet);
      const { client, service, clientPort, servicePort } = errand.ends;
      reply(fullNat, {
        client: { address: client, port: clientPort },
        service: { address: service, port: servicePort },
      });
      packet.settle();
      return sendToCheck(road, parsed);
    },
    { isGlobal: true },
  );
}
