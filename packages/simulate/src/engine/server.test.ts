// Servers: speed shortens what connections take, workers bound how many are worked on at once.
import { EventQueue } from "@yardmaster/lab/simulated";
import { expect, test } from "vitest";
import { parseServers } from "../settings/servers.ts";
import { Server } from "./server.ts";

/** When connections that all come at the start are done. */
function doneAtMs(spec: string, ...workMs: readonly number[]): readonly (number | undefined)[] {
  const queue = new EventQueue();
  const [parsed] = parseServers(spec);
  if (parsed === undefined) throw new Error("no server");
  const server = new Server(queue, parsed);
  const done: (number | undefined)[] = workMs.map(() => undefined);
  workMs.forEach((work, index) => server.serve(work, () => (done[index] = queue.nowMs)));
  expect(server.open).toBe(workMs.length);
  while (queue.step());
  expect(server.open).toBe(done.filter((at) => at === undefined).length);
  return done;
}

test("twice the speed takes half the time", () => {
  expect(doneAtMs("speed=1", 100, 300)).toEqual([100, 300]);
  expect(doneAtMs("speed=2", 100, 300)).toEqual([50, 150]);
});

test("what comes when all workers are busy waits its turn", () => {
  expect(doneAtMs("workers=2", 100, 300, 50, 50)).toEqual([100, 300, 150, 200]);
});

test("a connection without end keeps its worker", () => {
  expect(doneAtMs("workers=2", Number.POSITIVE_INFINITY, 100, 10)).toEqual([undefined, 100, 110]);
});
