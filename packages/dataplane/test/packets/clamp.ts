// What SYNs announce of the segments that their sender takes (the MSS option), as it leaves.

import type { TcpFields } from "@yardmaster/packet";
import type { BalancerPlan, DestinationPlan, HopPlan } from "../plan.ts";
import { gatewayMac, tunnelSources } from "../plan.ts";
import { ethernet, frame, ipv4, ipv6 } from "@yardmaster/packet";
import {
  arriving,
  fromServer,
  natPlan,
  type PacketScenario,
  type PacketStep,
  serverMac,
  toClient,
  toServer,
} from "./scenario.ts";
import type { Wire } from "./wire.ts";

type Bytes = readonly number[];

const segment = (bytes: number): Bytes => [2, 4, bytes >> 8, bytes & 0xff];
const timestamp: Bytes = [8, 10, 0, 0, 0, 2, 0, 4, 255, 255];
const ONE = [1];

/** Options of a SYN where 1,000 bytes fit, and what becomes of them. */
const lists: Readonly<Record<string, readonly [from: Bytes, to: Bytes]>> = {
  "what is more": [segment(1460), segment(1000)],
  "the most that there is": [segment(65_535), segment(1000)],
  "what is more by one": [segment(1001), segment(1000)],
  "what just fits": [segment(1000), segment(1000)],
  "what is less": [segment(536), segment(536)],
  "none at all": [[], []],
  "one among others": [
    [...segment(8960), 4, 2, ...timestamp, 1, 3, 3, 7],
    [...segment(1000), 4, 2, ...timestamp, 1, 3, 3, 7],
  ],
  "one that begins at an odd byte": [
    [1, ...segment(1460), 3, 3, 7],
    [1, ...segment(1000), 3, 3, 7],
  ],
  "one over the end of a word": [
    [...ONE, ...ONE, ...segment(1460), ...ONE, ...ONE],
    [...ONE, ...ONE, ...segment(1000), ...ONE, ...ONE],
  ],
  "one behind 35 bytes": [
    [3, 3, 7, ...new Array<number>(32).fill(1), ...segment(1460), 0],
    [3, 3, 7, ...new Array<number>(32).fill(1), ...segment(1000), 0],
  ],
  "all of several": [
    [...segment(1460), ...segment(900), ...segment(1400)],
    [...segment(1000), ...segment(900), ...segment(1000)],
  ],
  "one behind the end of options, where nobody reads": [
    [1, 1, 1, 0, ...segment(1460)],
    [1, 1, 1, 0, ...segment(1460)],
  ],
  "one behind another whose length is malformed, where nobody reads": [
    [8, 1, 1, 1, ...segment(1460)],
    [8, 1, 1, 1, ...segment(1460)],
  ],
  "what looks like one inside another": [
    [8, 10, ...segment(1460), ...segment(1460), 1, 1],
    [8, 10, ...segment(1460), ...segment(1460), 1, 1],
  ],
  "one of another length": [
    [2, 6, 255, 255, 255, 255, 1, 1],
    [2, 6, 255, 255, 255, 255, 1, 1],
  ],
  "one that is cut off": [
    [1, 1, 2, 4],
    [1, 1, 2, 4],
  ],
};

const options = (bytes: Bytes): Pick<TcpFields, "options"> => ({
  options: [{ kind: "malformed", data: Uint8Array.from(bytes) }],
});

const LOCAL = { ipv4: "10.0.1.1", ipv6: "fd00:1::1" } as const;
const LOCAL_PORT = 5000;
/** Bytes of headers without options. */
const headers = { ipv4: 40, ipv6: 60 } as const;
type Method = "nat" | "dr" | "tun" | "fullnat";

interface Ways {
  readonly settings?: BalancerPlan["settings"];
  /** MTU of the way to the server, and of the way to clients. */
  readonly toServer?: number;
  readonly toClient?: number;
  readonly tells?: boolean;
}

function planFor(wire: Wire, method: Method, { settings = {}, tells = false, ...mtu }: Ways): BalancerPlan {
  const [address] = wire.servers;
  const mapsPorts = method === "nat" || method === "fullnat";
  const hop = (mac: string, bytes: number | undefined): HopPlan => ({
    mac,
    ...(bytes !== undefined && { mtu: bytes }),
  });
  const server: DestinationPlan = {
    ...{ address, method, hop: hop(serverMac, mtu.toServer) },
    ...(mapsPorts && { port: 8080 }),
    ...(tells && { tellsClient: true }),
  };
  return natPlan(
    wire,
    { destinations: [server] },
    {
      settings,
      clientHop: hop(gatewayMac, mtu.toClient),
      localPorts: { first: LOCAL_PORT, count: 1 },
      shape: { features: tells ? ["mssClamp", "toa"] : ["mssClamp"] },
    },
  );
}

/** A client's packet with these options, which leaves with those. */
function request(
  wire: Wire,
  method: Method,
  fields: Partial<TcpFields>,
  [from, to]: readonly [Bytes, Bytes],
): PacketStep {
  const { tcpFrame, family } = wire;
  const [server] = wire.servers;
  const leaving = { ...fields, ...options(to) };
  const out = (): Uint8Array => {
    if (method === "dr") return tcpFrame(toServer, { ttl: 63 }, leaving);
    if (method === "nat")
      return tcpFrame(toServer, { ttl: 63, destination: server }, { ...leaving, destinationPort: 8080 });
    if (method === "fullnat") {
      const ends = { source: LOCAL[family], destination: server };
      return tcpFrame(toServer, { ttl: 63, ...ends }, { ...leaving, sourcePort: LOCAL_PORT, destinationPort: 8080 });
    }
    const ends = { source: tunnelSources[family], destination: server };
    const outer =
      family === "ipv4"
        ? ipv4({ ...ends, ttl: 63, protocol: 4, identification: 0 })
        : ipv6({ ...ends, hopLimit: 63, protocol: 41 });
    return frame(ethernet(toServer), outer, tcpFrame(toServer, { ttl: 63 }, leaving).subarray(14));
  };
  return { in: tcpFrame(arriving, {}, { ...fields, ...options(from) }), verdict: "tx", out: out() };
}

/** A server's packet likewise. */
function reply(
  wire: Wire,
  method: Method,
  fields: Partial<TcpFields>,
  [from, to]: readonly [Bytes, Bytes],
): PacketStep {
  const { vip, tcpFrame, family } = wire;
  const [client] = wire.clients;
  const [server] = wire.servers;
  const [address, port] = method === "nat" ? [client, 40000] : [LOCAL[family], LOCAL_PORT];
  const back = { ...fields, ...options(from), sourcePort: 8080, destinationPort: port };
  const home = { ...fields, ...options(to), sourcePort: 80, destinationPort: 40000 };
  return {
    in: tcpFrame(fromServer, { source: server, destination: address }, back),
    verdict: "tx",
    out: tcpFrame(toClient, { source: vip, destination: client, ttl: 63 }, home),
  };
}

const SYN = { flags: "S" } as const;
const ANSWER = { flags: "SA", acknowledgment: 8 } as const;
const lowered = (to: number) => [segment(9000), segment(to)] as const;
const kept = [segment(9000), segment(9000)] as const;

/** By what the settings say: the same for all methods, on every way that the director sees. */
function bySettings(wire: Wire): readonly PacketScenario[] {
  const plan = (method: Method) => planFor(wire, method, { settings: { mssClamp: 1000 } });
  const ofClients = (["nat", "dr", "tun", "fullnat"] as const).flatMap((method) =>
    Object.entries(lists).map(([name, list]) => ({
      name: `${method}: of a client's SYN ${name} ${list[0] === list[1] ? "stays" : "is made to fit"}`,
      plan: plan(method),
      steps: [request(wire, method, SYN, list)],
    })),
  );
  const ofServers = (["nat", "fullnat"] as const).flatMap((method) =>
    Object.entries(lists).map(([name, list]) => ({
      name: `${method}: of a server's answer to a SYN ${name} is made to fit, or stays if it fits`,
      plan: plan(method),
      steps: [request(wire, method, SYN, lowered(1000)), reply(wire, method, ANSWER, list)],
    })),
  );
  return [...ofClients, ...ofServers];
}

/** By the ways: only where both directions are seen. */
function byWays(wire: Wire): readonly PacketScenario[] {
  const size = headers[wire.family];
  const option = wire.family === "ipv4" ? 8 : 20;
  const translating = (["nat", "fullnat"] as const).flatMap((method): PacketScenario[] => [
    {
      name: `${method}: both ends announce what the narrower way takes, here that to the server`,
      plan: planFor(wire, method, { toServer: 1400, toClient: 9000 }),
      steps: [request(wire, method, SYN, lowered(1400 - size)), reply(wire, method, ANSWER, lowered(1400 - size))],
    },
    {
      name: `${method}: both ends announce what the narrower way takes, here that to the client`,
      plan: planFor(wire, method, { toServer: 9000, toClient: 1492 }),
      steps: [request(wire, method, SYN, lowered(1492 - size)), reply(wire, method, ANSWER, lowered(1492 - size))],
    },
    {
      name: `${method}: nothing but SYNs is looked at`,
      plan: planFor(wire, method, { toServer: 1400 }),
      steps: [
        request(wire, method, SYN, lowered(1400 - size)),
        reply(wire, method, ANSWER, lowered(1400 - size)),
        request(wire, method, { flags: "A" }, kept),
        reply(wire, method, { flags: "A" }, kept),
      ],
    },
  ]);
  const told: PacketScenario = {
    name: "fullnat: clients leave room for their address where the server is told of it",
    plan: planFor(wire, "fullnat", { toServer: 1400, toClient: 1500, tells: true }),
    steps: [
      request(wire, "fullnat", SYN, lowered(1400 - size)),
      reply(wire, "fullnat", ANSWER, lowered(1400 - size - option)),
    ],
  };
  const unseen = (["dr", "tun"] as const).map((method) => ({
    name: `${method}: a client's SYN stays, since what answers it takes a way of its own`,
    plan: planFor(wire, method, { toServer: 1400, toClient: 1400 }),
    steps: [request(wire, method, SYN, kept)],
  }));
  return [...translating, told, ...unseen];
}

/** The clamp over one family. */
export function ofClamp(wire: Wire): readonly PacketScenario[] {
  return [...bySettings(wire), ...byWays(wire)];
}
