// Full NAT from a configuration: pools of local addresses in the maps, connections through them, status, and changes
// while connections live.

import { createMemoryHost } from "@yardmaster/ebpf/vm";
import { layerOf, parseFrame } from "@yardmaster/packet";
import { expect, test } from "vitest";
import { identityOf } from "../src/live/service.ts";
import { readConnections } from "../src/status/connections.ts";
import { readServices, readVerdicts } from "../src/status/snapshot.ts";
import { Bench, XDP_DROP, XDP_TX } from "./bench.ts";
import { configuration, service, tcpPacket, VIP } from "./sample.ts";

const localAddresses = ["10.0.1.1", "10.0.1.2", "fd00:1::1"];
const web = service({
  forwarding: "fullnat",
  localAddresses,
  servers: [{ address: "10.0.0.11", port: 8080 }],
});
/** 1024–65535 without the kernel's 32768–60999. */
const PORTS = 36_280;

const syn = (port: number) => tcpPacket(`203.0.113.7:${port}`, `${VIP}:80`, "S");

function sentFrom(bench: Bench, frame: Uint8Array): string {
  const { verdict, packet } = bench.dataplane.program.run({ packet: frame, ingressIfindex: 1 });
  expect(verdict).toBe(XDP_TX);
  return (layerOf(parseFrame(packet), "ipv4") as { source: string }).source;
}

test("servers are spoken to from the pool, and status says who has what", () => {
  using bench = new Bench(createMemoryHost(), configuration([web]));
  const from = Array.from({ length: 20 }, (_, at) => sentFrom(bench, syn(4000 + at)));
  expect(new Set(from)).toEqual(new Set(["10.0.1.1", "10.0.1.2"]));
  const server = readServices(bench.dataplane)[0]?.servers[0];
  expect(server?.localPorts).toEqual({ inUse: 20, maximum: 2 * PORTS });
  const rows = readConnections(bench.dataplane, bench.now(), 100);
  expect(new Set(rows.map(({ destination }) => destination))).toEqual(new Set(["10.0.0.11:8080"]));
  expect(new Set(rows.map(({ local }) => local)).size).toBe(20);
  for (const { local = "" } of rows) {
    const port = Number(local.split(":")[1]);
    expect(port < 32_768 || port > 60_999, `${port} is not the kernel's`).toBe(true);
  }
  bench.setTime(bench.now() + 250 * 1000);
  expect(bench.reapAll()).toBe(20);
  expect([...bench.dataplane.maps.ipv4.localFlows.entries()]).toEqual([]);
});

test("another pool is for new connections; those that live keep their address, and so do their replies", () => {
  using bench = new Bench(createMemoryHost(), configuration([web]));
  const first = sentFrom(bench, syn(4000));
  const { servers: _servers, ...definition } = web;
  bench.dataplane.live.editService({ ...definition, localAddresses: ["10.0.2.1"] });
  bench.setTime(bench.now());
  expect(sentFrom(bench, syn(4001))).toBe("10.0.2.1");
  expect(sentFrom(bench, tcpPacket("203.0.113.7:4000", `${VIP}:80`, "A"))).toBe(first);
  const [row] = readConnections(bench.dataplane, bench.now(), 100).filter(({ client }) => client.endsWith(":4000"));
  expect(sentFrom(bench, tcpPacket("10.0.0.11:8080", row?.local as `${string}:${number}`, "A"))).toBe(VIP);
});

test("services with the same addresses share them in the map, and what nobody uses makes room", () => {
  const many = Array.from({ length: 3000 }, (_, at) => `10.1.${at >> 8}.${at & 255}`);
  const match = { kind: "exact", address: "198.51.100.11", port: 80, protocol: "tcp" } as const;
  const other = { ...web, name: "other", match };
  using bench = new Bench(createMemoryHost(), configuration([web, other]));
  const poolOf = (index: number) => bench.dataplane.maps.destinations.lookup(index)?.localPool;
  expect(poolOf(1)).toBe(poolOf(0));
  const { live } = bench.dataplane;
  const { servers: _servers, ...definition } = web;
  live.editService({ ...definition, localAddresses: many });
  expect(() => live.editService({ ...definition, localAddresses: many.toReversed() })).toThrow("4096");
  live.editService({ ...definition, localAddresses });
  live.editService({ ...definition, localAddresses: many.toReversed() });
  expect(live.find(identityOf(web))?.definition.localAddresses).toHaveLength(3000);
  expect(poolOf(1)).toBe(2n << 32n);
});

test("without local addresses of the server's family nothing is sent, and the reason is counted", () => {
  using bench = new Bench(createMemoryHost(), configuration([{ ...web, localAddresses: ["fd00:1::1"] }]));
  expect(bench.send(syn(4000))).toBe(XDP_DROP);
  expect(readVerdicts(bench.dataplane)).toEqual([{ verdict: "drop", reason: "localPortsExhausted", packets: 1 }]);
  expect(bench.counts()).toEqual([[0, 0]]);
});
