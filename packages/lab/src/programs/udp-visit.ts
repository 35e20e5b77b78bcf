// One UDP flow of the traffic program: datagrams from one port of one of the client's addresses, each echoed.
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { isIPv6 } from "node:net";

import { causeOf } from "../cause-of.ts";
import type { Visit } from "./visit.ts";
import { parseAnswer } from "./visit.ts";

/** Sends the visit's datagrams, each after the last one's answer. Gives up at the first that is not answered. */
export async function udpVisit({ job, localAddress, localPort, requests, tally }: Visit): Promise<void> {
  const socket = createSocket(isIPv6(localAddress) ? "udp6" : "udp4");
  const servers: string[] = [];
  try {
    socket.bind(localPort, localAddress);
    await once(socket, "listening");
    const own = `${localAddress}:${localPort}`;
    // Connected: only what comes from the address we sent to is received.
    socket.connect(job.port, job.address);
    await once(socket, "connect");
    for (let index = 0; index < requests; index += 1) {
      tally.sent();
      const startedMs = performance.now();
      const reply = once(socket, "message", { signal: AbortSignal.timeout(job.requestTimeoutMs) });
      socket.send(`datagram ${index}`);
      const [content] = (await reply) as [Buffer];
      const answer = parseAnswer(content.toString());
      if (answer === undefined) {
        tally.failed("foreign answer");
        break;
      }
      servers.push(answer.server);
      tally.answered(answer, own, performance.now() - startedMs);
    }
  } catch (error) {
    tally.failed(causeOf(error));
  } finally {
    socket.close();
    tally.visited(servers);
  }
}
