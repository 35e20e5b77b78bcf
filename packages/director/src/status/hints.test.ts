// Hints of status: what the network lacks and what the traffic shows, each once, gone when it is mended.
import { describe, expect, it } from "vitest";
import { service } from "../../test/sample.ts";
import { sampleNetwork } from "../../test/network.ts";
import type { ConnectionRow, DestinationStatus, ServiceStatus } from "../api/types.ts";
import type { Network } from "../checks/network.ts";
import type { ForwardingMethod } from "../model/forwarding-method.ts";
import { Hints } from "./hints.ts";

const quiet = {
  ...{ activeConnections: 0, inactiveConnections: 0, persistentClients: 0, connections: 0 },
  ...{ packetsIn: 0, bytesIn: 0 },
};

/** A service with these servers; those of a method with replies have sent none unless told. */
function web(forwarding: ForwardingMethod, ...servers: readonly (Partial<DestinationStatus> & { address: string })[]) {
  const { servers: destinations, ...definition } = service({ forwarding, servers });
  const back = forwarding === "dr" ? {} : { packetsOut: 0, bytesOut: 0 };
  const status: ServiceStatus = {
    ...{ ...definition, persistence: { timeoutMs: 0, maskBits: 32 }, matchText: "", ...quiet },
    servers: destinations.map((server) => ({ ...quiet, ...back, overloaded: false, ...server })),
  };
  return status;
}

const settings = { interfaces: undefined } as const;
const hints = (network: () => Network = sampleNetwork) => new Hints(settings, network);
const read = (of: Hints, services: readonly ServiceStatus[], connections: readonly ConnectionRow[] = [], nowMs = 0) =>
  of
    .read({ services, connections }, nowMs)
    .map(({ server, message, evidence, hint }) => [server, message, evidence, hint]);

const half = (state: string, destination = "10.0.0.11:80"): ConnectionRow => ({
  ...{ kind: "connection", protocol: "tcp", state, expiresInMs: 1000, client: "192.0.2.1:4242" },
  ...{ virtual: "198.51.100.10:80", destination, service: "web" },
});

describe("from the connection table", () => {
  const services = [web("dr", { address: "10.0.0.11" }, { address: "10.0.0.12" })];
  const told = (entries: number, refused: number, isFull: boolean) =>
    hints()
      .read({ services, connections: [], table: { entries, maximum: 100, refused, isFull } }, 0)
      .map(({ severity, code, server, message, evidence }) => [severity, code, server, message, evidence]);

  it("one that is nearly full or full is told of once, one with room is not", () => {
    expect(told(89, 7, false)).toEqual([]);
    expect(told(90, 0, false)).toEqual([
      [
        ...["warning", "YM_STATUS_TABLE_FULL", "10.0.0.11:80"],
        "the connection table is nearly full: then packets that would open a connection are dropped",
        "90 of 100 entries are taken, 0 packets were dropped (tableFull)",
      ],
    ]);
    expect(told(100, 7, true)).toEqual([
      [
        ...["error", "YM_STATUS_TABLE_FULL", "10.0.0.11:80"],
        "the connection table is full: packets that would open a connection are dropped",
        "100 of 100 entries are taken, 7 packets were dropped (tableFull)",
      ],
    ]);
  });
});

describe("from the network", () => {
  it("there are none where all is well", () => {
    expect(read(hints(), [web("dr", { address: "10.0.0.11" }), web("nat", { address: "10.0.0.12" })])).toEqual([]);
  });

  it("a server out of reach is named with what mends it, until it is mended", () => {
    let network = sampleNetwork({ neighbours: { "eth0 10.0.0.11": { mac: undefined, state: "failed" } } });
    const one = hints(() => network);
    const services = [web("nat", { address: "10.0.0.11" }, { address: "10.0.0.12" })];
    expect(read(one, services)).toMatchInlineSnapshot(`
      [
        [
          "10.0.0.11:80",
          "server 10.0.0.11 does not answer ARP on eth0",
          "ip neighbour show 10.0.0.11 dev eth0: FAILED",
          "is it up, and on that link? ip neighbour flush 10.0.0.11 dev eth0 asks again",
        ],
      ]
    `);
    network = sampleNetwork();
    expect(read(one, services, [], 4_999)).toHaveLength(1);
    expect(read(one, services, [], 5_000)).toEqual([]);
  });

  it("what is wrong with the machine is said once", () => {
    const off = () => sampleNetwork({ settings: { "net.ipv4.conf.eth0.forwarding": "0" } });
    const services = [web("nat", { address: "10.0.0.11" }, { address: "10.0.0.12" })];
    expect(read(hints(off), services)).toHaveLength(1);
  });

  it("a network that cannot be read gives none", () => {
    const broken = hints(() => {
      throw new Error("netlink is refused");
    });
    expect(read(broken, [web("dr", { address: "10.9.0.1" })])).toEqual([]);
  });
});

describe("from the traffic", () => {
  const answering = { address: "10.0.0.12", packetsIn: 10, packetsOut: 9 };

  it("NAT whose answers do not come back", () => {
    const services = [web("nat", { address: "10.0.0.11", packetsIn: 120 }, answering)];
    expect(read(hints(), services)).toMatchInlineSnapshot(`
      [
        [
          "10.0.0.11:80",
          "nat sends packets to 10.0.0.11:80, and none comes back",
          "120 packets in, 0 out",
          "on the server: ip route replace default via 10.0.0.1; ip route get CLIENT there must say via 10.0.0.1",
        ],
      ]
    `);
    expect(read(hints(), [web("nat", { address: "10.0.0.11", packetsIn: 2 })])).toEqual([]);
  });

  it("NAT whose answers stop coming", () => {
    const one = hints();
    const at = (packetsIn: number, packetsOut: number, nowMs: number) =>
      read(one, [web("nat", { address: "10.0.0.11", packetsIn, packetsOut })], [], nowMs).map(([, , seen]) => seen);
    expect(at(10, 9, 0)).toEqual([]);
    expect(at(20, 9, 1_000)).toEqual([]);
    expect(at(20, 9, 2_000)).toEqual(["10 packets in, 0 out since the last look"]);
    expect(at(21, 10, 3_000)).toEqual([]);
  });

  it("full NAT whose ports run out", () => {
    const answering = { address: "10.0.0.11", packetsIn: 9, packetsOut: 9, port: 8080 };
    const taken = (inUse: number) => read(hints(), [web("nat", { ...answering, localPorts: { inUse, maximum: 100 } })]);
    expect(taken(89)).toEqual([]);
    expect(taken(90)).toMatchInlineSnapshot(`
      [
        [
          "10.0.0.11:8080",
          "fullnat has hardly any port left to send to 10.0.0.11:8080 from: then it refuses",
          "90 of 100 ports are taken",
          "write more addresses under localAddresses: each has as many ports again for every server",
        ],
      ]
    `);
  });

  it("datagrams need no answer", () => {
    const dns = { ...web("nat", { address: "10.0.0.11", packetsIn: 120 }) };
    const match = { kind: "exact", address: "198.51.100.10", port: 53, protocol: "udp" } as const;
    expect(read(hints(), [{ ...dns, match }])).toEqual([]);
  });

  it("direct routing whose clients never get on", () => {
    const services = [web("dr", { address: "10.0.0.11" }, { address: "10.0.0.12" })];
    const stuck = [half("SYN_RECV"), half("SYN_RECV"), half("SYN_RECV"), half("ESTABLISHED", "10.0.0.12:80")];
    expect(read(hints(), services, stuck)).toMatchInlineSnapshot(`
      [
        [
          "10.0.0.11:80",
          "clients of 10.0.0.11:80 send SYNs and never get on: its answers do not reach them",
          "3 connections, all of them SYN_RECV",
          "on the server: yardmaster realserver up --method dr --service 198.51.100.10; yardmaster realserver check",
        ],
      ]
    `);
    expect(read(hints(), services, [...stuck, half("ESTABLISHED")])).toEqual([]);
    expect(read(hints(), services, stuck.slice(1))).toEqual([]);
  });
});
