// TCP options that say who the client is: clients' own are no-operations when they leave, whatever the method, and
// those of the director are what servers behind full NAT get.

import { ethernet, frame, ipv4, ipv6, type TcpFields } from "@yardmaster/packet";
import type { MethodName } from "../../src/index.ts";
import { type BalancerPlan, type DestinationPlan, tunnelSources } from "../plan.ts";
import { arriving, fromServer, natPlan, type PacketScenario, type PacketStep, toClient, toServer } from "./scenario.ts";
import type { Wire } from "./wire.ts";

type Bytes = readonly number[];

/** 198.51.100.1, port 666, in both lengths: nobody's. */
const forged: Bytes = [254, 8, 2, 154, 198, 51, 100, 1];
const forged6: Bytes = [254, 20, 2, 154, 0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
const other: Bytes = [253, ...forged.slice(1)];
const other6: Bytes = [253, ...forged6.slice(1)];
const timestamp: Bytes = [8, 10, 1, 2, 3, 4, 254, 8, 7, 8];
const maximumSegment: Bytes = [2, 4, 5, 180];
const nothing = (count: number): Bytes => new Array<number>(count).fill(1);

/** What clients write, and what is left of it. */
const lists: Readonly<Record<string, readonly [from: Bytes, to: Bytes]>> = {
  "an IPv4 address": [forged, nothing(8)],
  "an IPv6 address": [forged6, nothing(20)],
  "the other experimental kind": [other, nothing(8)],
  "the other experimental kind with an IPv6 address": [other6, nothing(20)],
  "several, with others between": [
    [...forged, ...maximumSegment, ...forged6, ...other],
    [...nothing(8), ...maximumSegment, ...nothing(28)],
  ],
  "one that begins at an odd byte": [
    [1, ...forged, 1, 1, 1],
    [1, ...nothing(8), 1, 1, 1],
  ],
  "one behind three bytes and others": [
    [3, 3, 7, ...forged, 4, 2, 1, 1, 1],
    [3, 3, 7, ...nothing(8), 4, 2, 1, 1, 1],
  ],
  "one behind a time stamp where most packets have nothing": [
    [1, 1, ...timestamp, ...forged],
    [1, 1, ...timestamp, ...nothing(8)],
  ],
  "one of the length of a time stamp": [[1, 1, 254, 10, ...nothing(8)], nothing(12)],
  "one as long as all": [[254, 40, ...new Array<number>(38).fill(9)], nothing(40)],
  "one longer than what is left": [[1, 1, 254, 8, 2, 154, 198, 51], nothing(8)],
  "one without a length": [[1, 1, 1, 254], nothing(4)],
  "one whose length is too small": [[254, 1, 9, 9, 254, 0, 9, 9], nothing(8)],
  "one behind the end of options, where nobody reads": [
    [1, 1, 1, 0, ...forged],
    [1, 1, 1, 0, ...forged],
  ],
  "one behind another whose length is malformed, where nobody reads": [
    [76, 40, 1, 1, ...forged],
    [76, 40, 1, 1, ...forged],
  ],
  "what looks like one inside another": [
    [76, 12, 1, 1, ...forged],
    [76, 12, 1, 1, ...forged],
  ],
  "a time stamp alone": [
    [1, 1, ...timestamp],
    [1, 1, ...timestamp],
  ],
};

const options = (bytes: Bytes): Pick<TcpFields, "options"> => ({
  options: [{ kind: "malformed", data: Uint8Array.from(bytes) }],
});

const LOCAL = { ipv4: "10.0.1.1", ipv6: "fd00:1::1" } as const;
const LOCAL_PORT = 5000;

/** A service with one server of the method, and full NAT from one port. */
function planFor(wire: Wire, method: MethodName, destination: Partial<DestinationPlan> = {}): BalancerPlan {
  const [address] = wire.servers;
  const mapsPorts = method === "nat" || method === "fullnat";
  const server = { address, method, ...(mapsPorts && { port: 8080 }), ...destination };
  return natPlan(
    wire,
    { destinations: [server] },
    { localPorts: { first: LOCAL_PORT, count: 1 }, shape: { features: ["toa"] } },
  );
}

/** The client's packet as it leaves for the server. */
function leaving(
  wire: Wire,
  method: MethodName,
  ip: { readonly ttl: number },
  fields: Partial<TcpFields>,
  data: string,
): Uint8Array {
  const [server] = wire.servers;
  const { tcpFrame, family } = wire;
  if (method === "dr") return tcpFrame(toServer, ip, fields, data);
  if (method === "nat")
    return tcpFrame(toServer, { ...ip, destination: server }, { ...fields, destinationPort: 8080 }, data);
  if (method === "fullnat") {
    const ends = { source: LOCAL[family], destination: server };
    return tcpFrame(toServer, { ...ip, ...ends }, { ...fields, sourcePort: LOCAL_PORT, destinationPort: 8080 }, data);
  }
  const inside = tcpFrame(toServer, ip, fields, data).subarray(14);
  const ends = { source: tunnelSources[family], destination: server };
  const outer =
    family === "ipv4"
      ? ipv4({ ...ends, ttl: ip.ttl, protocol: 4, identification: 0 })
      : ipv6({ ...ends, hopLimit: ip.ttl, protocol: 41 });
  return frame(ethernet(toServer), outer, inside);
}

const handshake = [
  [{ flags: "S" }, ""],
  [{ flags: "A", sequence: 8, acknowledgment: 100 }, ""],
  [{ flags: "PA", sequence: 8, acknowledgment: 100 }, "data of three words"],
] as const;

function blottedOut(wire: Wire, method: MethodName): readonly PacketScenario[] {
  return Object.entries(lists).map(([name, [from, to]]) => ({
    name: `${method}: of clients' options ${name} ${from === to ? "stays" : "goes"}, in all packets`,
    plan: planFor(wire, method),
    steps: handshake.map(([fields, data]) => ({
      in: wire.tcpFrame(arriving, {}, { ...fields, ...options(from) }, data),
      verdict: "tx",
      out: leaving(wire, method, { ttl: 63 }, { ...fields, ...options(to) }, data),
    })),
  }));
}

/** Until the server has spoken; a new handshake begins anew. */
function untilSpoken(wire: Wire, method: "nat" | "fullnat"): PacketScenario {
  const [client] = wire.clients;
  const [server] = wire.servers;
  const { vip, tcpFrame, family } = wire;
  const peer =
    method === "nat" ? { destination: client, port: 40000 } : { destination: LOCAL[family], port: LOCAL_PORT };
  const request = (fields: Partial<TcpFields>, to: Bytes): PacketStep => ({
    in: tcpFrame(arriving, {}, { ...fields, ...options(forged) }),
    verdict: "tx",
    out: leaving(wire, method, { ttl: 63 }, { ...fields, ...options(to) }, ""),
  });
  const reply = (fields: Partial<TcpFields>, data: string): PacketStep => {
    const back = { source: server, destination: peer.destination };
    const home = { source: vip, destination: client, ttl: 63 };
    return {
      in: tcpFrame(fromServer, back, { ...fields, sourcePort: 8080, destinationPort: peer.port }, data),
      verdict: "tx",
      out: tcpFrame(toClient, home, { ...fields, sourcePort: 80, destinationPort: 40000 }, data),
    };
  };
  const [syn, ack] = [{ flags: "S" }, { flags: "A" }];
  return {
    name: `${method}: once the server has sent data nothing is taken from the client's options, until it begins anew`,
    plan: planFor(wire, method),
    steps: [
      request(syn, nothing(8)),
      reply({ flags: "SA" }, ""),
      request(ack, nothing(8)),
      reply(ack, ""),
      request(ack, nothing(8)),
      reply(ack, "hello"),
      request(ack, forged),
      request(syn, nothing(8)),
      request(ack, nothing(8)),
    ],
  };
}

/** The client's options over one family. */
export function ofClientOptions(wire: Wire): readonly PacketScenario[] {
  const all = (["nat", "dr", "tun", "fullnat"] as const).flatMap((method) => blottedOut(wire, method));
  const plain = planFor(wire, "dr");
  return [
    ...all,
    untilSpoken(wire, "nat"),
    untilSpoken(wire, "fullnat"),
    {
      name: "where no server is told of clients, options are nobody's business",
      plan: { ...plain, shape: { features: [] } },
      steps: handshake.map(([fields, data]) => ({
        in: wire.tcpFrame(arriving, {}, { ...fields, ...options(forged) }, data),
        verdict: "tx",
        out: leaving(wire, "dr", { ttl: 63 }, { ...fields, ...options(forged) }, data),
      })),
    },
  ];
}
