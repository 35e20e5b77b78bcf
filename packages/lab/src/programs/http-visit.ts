// One TCP connection of the traffic program, with real HTTP requests on it, from one of the client's addresses.
import { Agent } from "node:http";

import { causeOf } from "../cause-of.ts";
import { exchange } from "./http-exchange.ts";
import type { Visit } from "./visit.ts";

/** Opens a connection, sends the visit's requests one after the other, closes it. Gives up at the first failure. */
export async function httpVisit({ job, localAddress, requests, tally }: Visit): Promise<void> {
  const { address, port, requestTimeoutMs: timeoutMs } = job;
  const agent = new Agent({ keepAlive: requests > 1, maxSockets: 1, localAddress });
  const servers: string[] = [];
  try {
    for (let index = 0; index < requests; index += 1) {
      tally.sent();
      const startedMs = performance.now();
      const { answer, own } = await exchange({ agent, address, port, path: `/${index}`, timeoutMs });
      servers.push(answer.server);
      tally.answered(answer, own, performance.now() - startedMs);
    }
  } catch (error) {
    tally.failed(causeOf(error));
  } finally {
    agent.destroy();
    tally.visited(servers);
  }
}
