// One UDP flow of the simulated clients: datagrams from one port, each sent after the last one's answer.
import { parseAnswer } from "../programs/visit.ts";
import type { Cancel } from "./event-queue.ts";
import type { Client, Visit } from "./visit.ts";

/** Sends the datagrams. Gives up at the first without an answer; calls `done` when it is over. */
export function udpVisit({ queue, udp }: Client, visit: Visit, done: () => void): void {
  const { local, remote, requests, timeoutMs, tally } = visit;
  const servers: string[] = [];
  let askedMs = 0;
  let cancelTimeout: Cancel = () => undefined;
  const finish = (): void => {
    cancelTimeout();
    udp.unbind(local.port);
    tally.visited(servers);
    done();
  };
  const fail = (cause: string): void => {
    tally.failed(cause);
    finish();
  };
  const ask = (): void => {
    tally.sent();
    askedMs = queue.nowMs;
    cancelTimeout();
    cancelTimeout = queue.after(timeoutMs, () => fail("timeout"));
    udp.send({ from: local, to: remote, data: new TextEncoder().encode(`datagram ${servers.length}`) });
  };
  udp.bind(local.port, ({ from, to, data }) => {
    // As a connected socket: only what comes from the address we sent to is received.
    const isAnswer = from.address === remote.address && from.port === remote.port && to.address === local.address;
    if (!isAnswer) return;
    const answer = parseAnswer(new TextDecoder().decode(data));
    if (answer === undefined) {
      fail("foreign answer");
      return;
    }
    servers.push(answer.server);
    tally.answered(answer, `${local.address}:${local.port}`, queue.nowMs - askedMs);
    if (servers.length < requests) ask();
    else finish();
  });
  ask();
}
