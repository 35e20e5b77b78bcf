// One HTTP request of a traffic program and its answer, over an agent's connection.
import { once } from "node:events";
import type { Agent, IncomingMessage } from "node:http";
import { request } from "node:http";
import type { Socket } from "node:net";
import { text } from "node:stream/consumers";

import type { ServerAnswer } from "../traffic-job.ts";
import { parseAnswer } from "./visit.ts";

/** What to ask, and how long to wait for it. */
export interface Question {
  readonly agent: Agent;
  readonly address: string;
  readonly port: number;
  readonly path: string;
  readonly timeoutMs: number;
}

/** What came of it. */
export interface Exchange {
  readonly answer: ServerAnswer;
  /** Our own end: `203.0.113.10:40000`. */
  readonly own: string;
  readonly socket: Socket;
}

/** Asks. Rejects with what `causeOf` reads; an answer that is none of our servers' has the code `status 200`. */
export async function exchange({ agent, address, port, path, timeoutMs }: Question): Promise<Exchange> {
  const signal = AbortSignal.timeout(timeoutMs);
  const outgoing = request({ host: address, port, agent, path, signal });
  outgoing.end();
  const [response] = (await once(outgoing, "response")) as [IncomingMessage];
  const { socket } = response;
  const own = `${socket.localAddress}:${socket.localPort}`;
  const answer = parseAnswer(await text(response));
  if (response.statusCode !== 200 || answer === undefined) {
    throw Object.assign(new Error(`asking ${address}:${port}: no answer of a lab's server`), {
      code: `status ${response.statusCode}`,
    });
  }
  return { answer, own, socket };
}
