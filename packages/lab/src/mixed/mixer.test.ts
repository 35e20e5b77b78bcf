// The order in which long and short connections are made, and what is told of those that fail.
import { expect, test } from "vitest";

import { type Connect, Mixer, type OpenConnection } from "./mixer.ts";

const job = { address: "198.51.100.10", port: 80, clientAddresses: ["203.0.113.10", "203.0.113.11"] };

/** A network in memory: connections by turns to three servers; notes what happens, and what is open. */
class Network {
  readonly open = new Set<string>();
  readonly events: string[] = [];
  readonly localAddresses: string[] = [];
  /** By number of the connection. */
  readonly failing = new Map<number, string>();
  moved = false;
  #connections = 0;

  readonly connect: Connect = async ({ localAddress }): Promise<OpenConnection> => {
    const number = ++this.#connections;
    this.localAddresses.push(localAddress);
    await Promise.resolve();
    const code = this.failing.get(number);
    if (code !== undefined) throw Object.assign(new Error("no answer"), { code });
    const name = `${number}`;
    this.events.push(`open ${name} beside ${this.open.size}`);
    this.open.add(name);
    const server = `server${(number % 3) + 1}`;
    return {
      server,
      ask: async () => (this.moved ? "server9" : server),
      end: async () => {
        await Promise.resolve();
        this.open.delete(name);
        this.events.push(`end ${name}`);
      },
    };
  };
}

test("a long connection opens when the short ones before it are over; addresses take turns", async () => {
  const network = new Network();
  const report = await new Mixer(network.connect).mix({ ...job, long: 2, shortBeforeEach: 2 });
  expect(network.events).toEqual([
    ...["open 1 beside 0", "open 2 beside 1", "end 1", "end 2", "open 3 beside 0"],
    ...["open 4 beside 1", "open 5 beside 2", "end 4", "end 5", "open 6 beside 1"],
  ]);
  expect(network.localAddresses.slice(0, 4)).toEqual([...job.clientAddresses, ...job.clientAddresses]);
  expect(report).toEqual({ longServers: ["server1", "server1"], short: 4, failures: {} });
});

test("in the end all long connections of all jobs are asked once more and closed", async () => {
  const network = new Network();
  const mixer = new Mixer(network.connect);
  await mixer.mix({ ...job, long: 3, shortBeforeEach: 1 });
  await mixer.mix({ ...job, port: 81, long: 2, shortBeforeEach: 0 });
  expect(network.open.size).toBe(5);
  expect(await mixer.endAll()).toEqual({ long: 5, stayed: 5, failures: {} });
  expect(network.open.size).toBe(0);
  expect(await mixer.endAll()).toEqual({ long: 0, stayed: 0, failures: {} });
});

test("the first failure ends a job, and what stands by then is ended later", async () => {
  const network = new Network();
  network.failing.set(3, "ECONNREFUSED").set(4, "ECONNREFUSED");
  const mixer = new Mixer(network.connect);
  expect(await mixer.mix({ ...job, long: 5, shortBeforeEach: 1 })).toEqual({
    longServers: ["server3"],
    short: 1,
    failures: { ECONNREFUSED: 1 },
  });
  expect(await mixer.endAll()).toEqual({ long: 1, stayed: 1, failures: {} });
});

test("another server's answer over a long connection is told", async () => {
  const network = new Network();
  const mixer = new Mixer(network.connect);
  await mixer.mix({ ...job, long: 2, shortBeforeEach: 0 });
  network.moved = true;
  expect(await mixer.endAll()).toEqual({ long: 2, stayed: 0, failures: { "answered by server9": 2 } });
});
