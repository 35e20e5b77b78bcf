// The director's programs in the simulated network: what their bpf_fib_lookup is told, and what connections that are
// open at the same time do to wlc and to the table.
import { ipv4ToNumber } from "@yardmaster/packet";
import { expect, test } from "vitest";

import { directorConfig } from "../director-config.ts";
import { layoutOf } from "../layouts.ts";
import { SimulatedDirector } from "./director-host.ts";
import { EventQueue } from "./event-queue.ts";
import { fibLookup } from "./fib-lookup.ts";
import { SimulatedNetwork } from "./network.ts";
import { startPrograms } from "./start-programs.ts";

const layout = layoutOf({ method: "nat" }, 6);

function ask(host: string, destination: string) {
  const helper = fibLookup(new SimulatedNetwork(layout, new EventQueue()).host(host));
  const bytes = new Uint8Array(64);
  const view = new DataView(bytes.buffer);
  bytes[0] = 2;
  view.setUint32(32, ipv4ToNumber(destination));
  const call = { int: () => bytes.length, bytes: () => bytes };
  const answer = helper(call as unknown as Parameters<typeof helper>[0]);
  return { answer, ifindex: view.getUint32(8, true), mtu: view.getUint16(6, true), macs: [...bytes.subarray(52)] };
}

test("bpf_fib_lookup: interface, MTU and MAC addresses of the way", () => {
  const { answer, ifindex, mtu, macs } = ask("director", "10.0.0.12");
  expect({ answer, ifindex, mtu }).toEqual({ answer: 0, ifindex: 3, mtu: 1500 });
  const { interfaces } = new SimulatedNetwork(layout, new EventQueue()).host("director");
  expect(macs.slice(0, 6)).toEqual([...(interfaces[1]?.mac ?? [])]);
  expect(macs.slice(6)).toEqual([...(interfaces[1]?.neighbours.get("10.0.0.12") ?? [])]);
});

test.each([
  ["an address of its own", "director", "192.0.2.2", 4],
  ["no route", "router", "8.8.8.8", 4],
  ["a host that does not forward", "server1", "203.0.113.10", 5],
  ["a neighbour that does not answer", "director", "10.0.0.99", 7],
])("bpf_fib_lookup, %s", (_what, host, destination, answer) => {
  expect(ask(host, destination).answer).toBe(answer);
});

test("wlc weighs what is open; closed connections leave the table when their time is up", () => {
  const queue = new EventQueue();
  const network = new SimulatedNetwork(layout, queue);
  using director = new SimulatedDirector(network.host("director"), queue, directorConfig(layout));
  const { client } = startPrograms(network);
  const until = (ms: number) => {
    let isReached = false;
    queue.after(ms - queue.nowMs, () => (isReached = true));
    while (!isReached) queue.step();
  };
  const service = () => director.status().services.find(({ name }) => name === "web-wlc");
  const active = () => service()?.servers.map(({ activeConnections }) => activeConnections);
  const quiet = { received: () => undefined, ended: () => undefined, closed: () => undefined };
  const remote = { address: layout.virtualAddress, port: 83 };
  const connections = layout.clientAddresses.map((address, index) => {
    const connection = client.tcp.connect({ address, port: 20_000 }, remote, quiet);
    until(10 * (index + 1));
    return connection;
  });
  expect(active()).toEqual([1, 2, 3]);
  for (const connection of connections) connection.end();
  until(1_000);
  expect(active()).toEqual([0, 0, 0]);
  expect(service()?.inactiveConnections).toBe(6);
  until(180_000);
  expect(service()?.inactiveConnections).toBe(0);
  expect(director.status().connectionTable.entries).toBe(0);
});
