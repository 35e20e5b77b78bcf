// The two families as tests write packets: the addresses of a small network, and frames built from what both families
// have. What only one of them has is said in its own fields.

import {
  type EthernetFields,
  ethernet,
  type FramePart,
  frame,
  type Ipv4Fields,
  ipv4,
  type Ipv6Fields,
  ipv6,
  type Layer,
  type TcpFields,
  tcp,
  type UdpFields,
  udp,
} from "@yardmaster/packet";
import type { FamilyName } from "../../src/index.ts";

/** What headers of both families say. */
export interface IpFields {
  readonly source?: string;
  readonly destination?: string;
  /** Time to live or hop limit. */
  readonly ttl?: number;
  /** Type of service or traffic class. */
  readonly typeOfService?: number;
  /** Must not be divided by routers, which packets of IPv6 never are. */
  readonly dontFragment?: boolean;
}

/** Builds a frame; what is not said of its headers has a default. */
export type Build<Ip, Fields> = (
  macs: EthernetFields,
  ip?: Ip,
  fields?: Partial<Fields>,
  ...contents: readonly FramePart[]
) => Uint8Array;

interface Places {
  readonly family: FamilyName;
  readonly vip: string;
  readonly otherVip: string;
  /** The first two are neighbours, in one /24 or /64; the third lives elsewhere. */
  readonly clients: readonly [string, string, string];
  readonly neighbourhoodBits: number;
  readonly servers: readonly [string, string, string, string];
}

/** A family: where everybody lives, and how their packets look. */
export interface Wire<Ip = IpFields> extends Places {
  /** From the first client to the VIP's port 80, unless told otherwise; a SYN. */
  readonly tcpFrame: Build<Ip, TcpFields>;
  /** From the first client to the VIP's port 53, unless told otherwise. */
  readonly udpFrame: Build<Ip, UdpFields>;
}

interface Ends {
  readonly source: string;
  readonly destination: string;
}

function wire<Ip extends object>(places: Places, header: (ip: Ends & Partial<Ip>) => Layer): Wire<Partial<Ip>> {
  const ends: Ends = { source: places.clients[0], destination: places.vip };
  return {
    ...places,
    tcpFrame: (macs, ip, fields = {}, ...contents) => {
      const transport = tcp({ sourcePort: 40000, destinationPort: 80, flags: "S", sequence: 7, ...fields });
      return frame(ethernet(macs), header({ ...ends, ...ip } as Ends & Partial<Ip>), transport, ...contents);
    },
    udpFrame: (macs, ip, fields = {}, ...contents) => {
      const transport = udp({ sourcePort: 40000, destinationPort: 53, ...fields });
      return frame(ethernet(macs), header({ ...ends, ...ip } as Ends & Partial<Ip>), transport, ...contents);
    },
  };
}

/** An IPv4 network; its frames may say all that IPv4 has. */
export const ipv4Wire = wire<Ipv4Fields>(
  {
    family: "ipv4",
    vip: "198.51.100.10",
    otherVip: "198.51.100.11",
    clients: ["203.0.113.7", "203.0.113.8", "192.0.2.1"],
    neighbourhoodBits: 24,
    servers: ["10.0.0.11", "10.0.0.12", "10.0.0.13", "10.0.0.14"],
  },
  ipv4,
);

/** An IPv6 network; its frames may say all that IPv6 has. */
export const ipv6Wire = wire<Ipv6Fields & Required<IpFields>>(
  {
    family: "ipv6",
    vip: "2001:db8:5::10",
    otherVip: "2001:db8:5::11",
    clients: ["2001:db8:c::7", "2001:db8:c::8:0:0:8", "2001:db8:d::1"],
    neighbourhoodBits: 64,
    servers: ["fd00::11", "fd00::12", "fd00::13", "fd00::14"],
  },
  ({ ttl, typeOfService, dontFragment: _always, ...rest }) => {
    const hopLimit = ttl === undefined ? {} : { hopLimit: ttl };
    const trafficClass = typeOfService === undefined ? {} : { trafficClass: typeOfService };
    return ipv6({ ...hopLimit, ...trafficClass, ...rest });
  },
);

export const wires: readonly Wire[] = [ipv4Wire, ipv6Wire];
