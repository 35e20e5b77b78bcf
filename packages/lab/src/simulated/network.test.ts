// The simulated network by itself, without a director's program: switching, routing, TCP and UDP between its hosts.
import { checksumProblems, ethernet, frame, ipv4, layerOf, parseFrame, udp } from "@yardmaster/packet";
import { beforeEach, expect, test } from "vitest";

import { layoutOf } from "../layouts.ts";
import { EventQueue } from "./event-queue.ts";
import { LearningSwitch } from "./learning-switch.ts";
import { SimulatedNetwork } from "./network.ts";
import { Port } from "./port.ts";
import { TcpStack } from "./tcp-stack.ts";
import { UdpStack } from "./udp-stack.ts";

let queue: EventQueue;
let network: SimulatedNetwork;
const client = { address: "203.0.113.10", port: 40_000 };
const server = { address: "198.51.100.11", port: 80 };

beforeEach(() => {
  queue = new EventQueue();
  network = new SimulatedNetwork(layoutOf({ method: "dr" }, 2), queue);
});

function settle(): void {
  while (queue.step());
}

/** Both ends of a connection on which the server's program is `serve`; what each was told, in order. */
function connect(serve: (heard: string, connection: ReturnType<TcpStack["connect"]>) => void) {
  const [clientTcp, serverTcp] = [new TcpStack(network.host("client")), new TcpStack(network.host("server1"))];
  const heard: string[] = [];
  const tell = (what: string) => void heard.push(what);
  serverTcp.listen(80, (connection, { address, port }) => {
    tell(`server: from ${address}:${port}`);
    return {
      received: (data) => serve(new TextDecoder().decode(data), connection),
      ended: () => {
        tell("server: ended");
        connection.end();
      },
      closed: (cause) => tell(`server: closed ${cause}`),
    };
  });
  let length = 0;
  const connection = clientTcp.connect(client, server, {
    opened: () => connection.send(new TextEncoder().encode("hello")),
    received: (data) => {
      length += data.length;
      if (length === 5_000) connection.end();
    },
    ended: () => tell(`client: ended after ${length}`),
    closed: (cause) => tell(`client: closed ${cause}`),
  });
  return { heard, sizes: () => [clientTcp.size, serverTcp.size] };
}

test("TCP: handshake, data of several segments, a FIN each way; nothing is left", () => {
  const { heard, sizes } = connect((text, connection) => {
    if (text === "hello") connection.send(new Uint8Array(5_000));
  });
  settle();
  expect(heard).toEqual([
    "server: from 203.0.113.10:40000",
    "server: ended",
    "client: ended after 5000",
    "client: closed undefined",
    "server: closed undefined",
  ]);
  expect(sizes()).toEqual([0, 0]);
});

test("TCP: a server that gives up is a reset, a port without a server a refusal", () => {
  const { heard, sizes } = connect((_, connection) => connection.abort());
  settle();
  expect(heard.slice(1)).toEqual(["server: closed undefined", "client: closed ECONNRESET"]);
  expect(sizes()).toEqual([0, 0]);
  const causes: unknown[] = [];
  const other = new TcpStack(network.host("client"));
  const events = { received: () => undefined, ended: () => undefined, closed: (cause: unknown) => causes.push(cause) };
  other.connect({ ...client, port: 40_001 }, { ...server, port: 81 }, events);
  settle();
  expect(causes).toEqual(["ECONNREFUSED"]);
});

test("a router takes one off the time to live and keeps checksums right; at one it drops", () => {
  const arrived: Uint8Array[] = [];
  network.host("server1").program = (bytes) => {
    arrived.push(bytes);
    return { kind: "drop" };
  };
  const [out] = network.host("client").interfaces;
  const [router] = [...(out?.neighbours.values() ?? [])];
  for (const ttl of [64, 2, 1]) {
    const link = ethernet({ destination: router ?? "", source: out?.mac ?? "" });
    const ip = ipv4({ source: client.address, destination: server.address, ttl });
    out?.port.send(frame(link, ip, udp({ sourcePort: 1, destinationPort: 2 }), "x"));
  }
  settle();
  expect(arrived.map((bytes) => layerOf(parseFrame(bytes), "ipv4")?.ttl)).toEqual([63, 1]);
  expect(arrived.flatMap(checksumProblems)).toEqual([]);
});

test("UDP: a datagram with a wrong checksum does not arrive, one without does", () => {
  const heard: string[] = [];
  const { transports } = network.host("server1");
  new UdpStack(network.host("server1")).bind(53, ({ data }) => void heard.push(new TextDecoder().decode(data)));
  const addresses = { source: client.address, destination: server.address };
  for (const [text, checksum] of [
    ["wrong", 1],
    ["none", 0],
    ["right", undefined],
  ] as const) {
    const header = udp({ sourcePort: 9, destinationPort: 53, ...(checksum === undefined ? {} : { checksum }) });
    transports.get(17)?.({ ...addresses, segment: frame(ipv4(addresses), header, text).subarray(20) });
  }
  expect(heard).toEqual(["none", "right"]);
});

test("only the director answers for the service's address: servers hold it silently", () => {
  const vip = [...network.host("router").interfaces].flatMap(({ neighbours }) => neighbours.get("198.51.100.10") ?? []);
  expect(vip).toEqual(network.host("director").interfaces.map(({ mac }) => mac));
});

test("a switch floods what it does not know and learns from every frame", () => {
  const wired = new LearningSwitch();
  const heard: string[] = [];
  const stations = ["a", "b", "c"].map((name) => {
    const port = new Port(() => void heard.push(name));
    Port.connect(queue, 1, [port, wired.addPort()]);
    return port;
  });
  const send = (from: number, to: number) => {
    stations[from]?.send(Uint8Array.of(2, 0, 0, 0, 0, to, 2, 0, 0, 0, 0, from, 8, 0));
    settle();
    return heard.splice(0);
  };
  expect(send(0, 1)).toEqual(["b", "c"]);
  expect(send(1, 0)).toEqual(["a"]);
  expect(send(0, 1)).toEqual(["b"]);
});
