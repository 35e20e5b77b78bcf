// ICMP packets of both families as scenarios build them: errors that quote packets of the usual flow.

import {
  ethernet,
  type EthernetFields,
  type FramePart,
  frame,
  icmp4,
  icmp6,
  type IcmpFields,
  ipv4,
  ipv6,
  type Layer,
  udp,
} from "@yardmaster/packet";
import type { BalancerPlan } from "../plan.ts";
import { arriving, directPlan, natPlan, type PacketStep, toServer } from "./scenario.ts";
import { ipv4Wire, ipv6Wire, type Wire } from "./wire.ts";

export interface Ends {
  readonly source: string;
  readonly destination: string;
}

/** How errors and pings of a family look. */
export interface Kind {
  readonly wire: Wire;
  readonly header: (ends: Ends, hops?: number) => Layer;
  readonly icmp: (fields: IcmpFields) => Layer;
  readonly echo: { readonly request: number; readonly reply: number };
  /** Errors that are followed, by name, and a type that is none. */
  readonly errors: Readonly<Record<string, IcmpFields>>;
  readonly information: number;
  /** Of the server's side and of the clients'. */
  readonly routers: { readonly inside: string; readonly outside: string };
}

export const kind4: Kind = {
  wire: ipv4Wire,
  header: (ends, ttl = 64) => ipv4({ ...ends, ttl }),
  icmp: icmp4,
  echo: { request: 8, reply: 0 },
  errors: {
    "port unreachable": { type: 3, code: 3 },
    "fragmentation needed": { type: 3, code: 4, mtu: 1300 },
    "source quench": { type: 4 },
    "time exceeded": { type: 11 },
  },
  information: 13,
  routers: { inside: "10.0.0.254", outside: "192.0.2.254" },
};
export const kind6: Kind = {
  wire: ipv6Wire,
  header: (ends, hopLimit = 64) => ipv6({ ...ends, hopLimit }),
  icmp: icmp6,
  echo: { request: 128, reply: 129 },
  errors: {
    "port unreachable": { type: 1, code: 4 },
    "packet too big": { type: 2, mtu: 1300 },
    "time exceeded": { type: 3 },
    "parameter problem": { type: 4, code: 1 },
  },
  information: 130,
  routers: { inside: "fd00::fe", outside: "2001:db8:e::1" },
};

/** A datagram of the usual flow, as an error quotes it: headers and some data. */
export function quote({ header }: Kind, ends: Ends, ports: readonly [number, number], hops = 50): readonly FramePart[] {
  const [sourcePort, destinationPort] = ports;
  return [header(ends, hops), udp({ sourcePort, destinationPort, checksum: 0x1234 }), "data"];
}

export function error(
  kind: Kind,
  macs: EthernetFields,
  ends: Ends,
  fields: IcmpFields,
  parts: readonly FramePart[],
  hops?: number,
) {
  return frame(ethernet(macs), kind.header(ends, hops), kind.icmp(fields), ...parts);
}

/** The usual flow as the client sees it, and as the server does. */
export function flowsOf({ wire: { clients, servers, vip } }: Kind) {
  const [client] = clients;
  const [server] = servers;
  return {
    request: { source: client, destination: vip },
    translatedRequest: { source: client, destination: server },
    reply: { source: vip, destination: client },
    translatedReply: { source: server, destination: client },
  };
}

/** What opens the usual UDP connection. */
export function opening({ wire }: Kind, method: "nat" | "dr"): PacketStep {
  const to = method === "nat" ? { destination: wire.servers[0] } : {};
  return {
    in: wire.udpFrame(arriving),
    verdict: "tx",
    out: wire.udpFrame(toServer, { ...to, ttl: 63 }, method === "nat" ? { destinationPort: 5353 } : {}),
  };
}

export const nat = (kind: Kind, rest: Partial<BalancerPlan> = {}) => natPlan(kind.wire, { protocol: "udp" }, rest);
export function dr({ wire }: Kind): BalancerPlan {
  return directPlan(wire, { protocol: "udp", destinations: [{ address: wire.servers[0], method: "dr" }] });
}
