// One TCP connection of the traffic program, with real HTTP requests on it, from one of the client's addresses.
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:http";
import { text } from "node:stream/consumers";

import type { Visit } from "./visit.ts";
import { parseAnswer } from "./visit.ts";

/** Opens a connection, sends the visit's requests one after the other, closes it. Gives up at the first failure. */
export async function httpVisit({ job, localAddress, requests, tally }: Visit): Promise<void> {
  const keepAlive = requests > 1;
  const agent = new Agent({ keepAlive, maxSockets: 1, localAddress });
  const servers: string[] = [];
  try {
    for (let index = 0; index < requests; index += 1) {
      tally.sent();
      const startedMs = performance.now();
      const outgoing = request({
        host: job.address,
        port: job.port,
        agent,
        path: `/${index}`,
        signal: AbortSignal.timeout(job.requestTimeoutMs),
      });
      outgoing.end();
      const [response] = (await once(outgoing, "response")) as [IncomingMessage];
      const own = `${response.socket.localAddress}:${response.socket.localPort}`;
      const answer = parseAnswer(await text(response));
      if (response.statusCode !== 200 || answer === undefined) {
        tally.failed(`status ${response.statusCode}`);
        break;
      }
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

function causeOf(error: unknown): string {
  const { code, name } = error as NodeJS.ErrnoException;
  return name === "AbortError" ? "timeout" : (code ?? name);
}
