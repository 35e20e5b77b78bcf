// Packets in tunnels: how they are wrapped, what happens to those that do not fit, and errors that routers on the way
// to a server send about the outside.

import {
  ethernet,
  fragmentFrame,
  frame,
  gre,
  gue,
  icmp4,
  icmp6,
  ipv4,
  ipv6,
  udp,
  type FramePart,
} from "@yardmaster/packet";
import { type BalancerPlan, overheadOf, type SettingsPlan, type TunnelPlan, tunnelSources } from "../plan.ts";
import { flowHash } from "../reference/tunnel.ts";
import {
  arriving,
  directPlan,
  errorAbout,
  fromServer,
  type PacketScenario,
  serverMac,
  toClient,
  toServer,
} from "./scenario.ts";
import type { Wire } from "./wire.ts";

type Plan = Partial<TunnelPlan>;

function planOf(wire: Wire, tunnel: Plan, settings: SettingsPlan = {}, mtu = 1500): BalancerPlan {
  const destinations = [{ address: wire.servers[0], method: "tun" as const, tunnel, hop: { mac: serverMac, mtu } }];
  return directPlan(wire, { destinations }, { settings });
}

const room = (wire: Wire, tunnel: Plan, mtu = 1500): number =>
  mtu - overheadOf({ address: wire.servers[0], method: "tun", tunnel });

interface Outside {
  readonly ttl: number;
  readonly typeOfService?: number;
  readonly dontFragment?: boolean;
}

/** A client's TCP packet, without link layer, inside a tunnel of the plan. */
function inTunnel(
  wire: Wire,
  tunnel: Plan,
  inside: Uint8Array,
  outside: Outside,
  ports = { sourcePort: 40000, destinationPort: 80 },
): readonly FramePart[] {
  const { encapsulation = "ipip", hasChecksum = false, port = 6080 } = tunnel;
  const isV4 = wire.family === "ipv4";
  const ends = { source: tunnelSources[wire.family], destination: wire.servers[0] };
  const protocol = { ipip: isV4 ? 4 : 41, gue: 17, gre: 47 }[encapsulation];
  const { ttl, typeOfService = 0, dontFragment = isV4 } = outside;
  const header = isV4
    ? ipv4({ ...ends, protocol, ttl, typeOfService, dontFragment, identification: 0 })
    : ipv6({ ...ends, protocol, hopLimit: ttl, trafficClass: typeOfService });
  const flow = { source: wire.clients[0], destination: wire.vip, ...ports };
  const sourcePort = 0xc000 | (flowHash(flow) >>> 18);
  const own = {
    ipip: [],
    gue: [
      udp({ sourcePort, destinationPort: port, ...(hasChecksum ? {} : { checksum: 0 }) }),
      gue({ protocol: isV4 ? 4 : 41 }),
    ],
    gre: [gre({ protocol: isV4 ? 0x0800 : 0x86dd, ...(hasChecksum && { checksum: "computed" as const }) })],
  }[encapsulation];
  return [header, ...own, inside];
}

const kinds: readonly (readonly [name: string, tunnel: Plan])[] = [
  ["IP in IP", {}],
  ["GUE", { encapsulation: "gue" }],
  ["GUE with checksum, on a port of its own", { encapsulation: "gue", hasChecksum: true, port: 5555 }],
  ["GRE", { encapsulation: "gre" }],
  ["GRE with checksum", { encapsulation: "gre", hasChecksum: true }],
];

/** Packets in tunnels of every kind. */
export function ofTunnels(wire: Wire): readonly PacketScenario[] {
  return [
    ...kinds.flatMap(([name, tunnel]) => [wrapping(wire, name, tunnel), aboutOutside(wire, name, tunnel)]),
    ...whatDoesNotFit(wire),
    fragmentsByOneQueue(wire),
    {
      name: "tun: a packet with two VLAN tags is dropped, and the reason says so",
      plan: planOf(wire, {}),
      steps: [{ in: wire.tcpFrame({ ...arriving, vlan: [5, 6] }), verdict: "drop", reason: "vlanMismatch" }],
    },
  ];
}

function wrapping(wire: Wire, name: string, tunnel: Plan): PacketScenario {
  const { tcpFrame } = wire;
  const whole = { dontFragment: true } as const;
  const inside = (...args: Parameters<typeof tcpFrame>) => tcpFrame(...args).subarray(14);
  const wrapped = (bytes: Uint8Array, outside: Outside) =>
    frame(ethernet(toServer), ...inTunnel(wire, tunnel, bytes, outside));
  return {
    name: `tun: ${name} carries the packet as it is, one hop older, with its type of service and hops outside`,
    plan: planOf(wire, tunnel),
    steps: [
      {
        in: tcpFrame(arriving, whole),
        verdict: "tx",
        out: wrapped(inside(toServer, { ...whole, ttl: 63 }), { ttl: 63 }),
      },
      {
        // "Congestion experienced" stays inside.
        in: tcpFrame(arriving, { ...whole, ttl: 9, typeOfService: 0xb3 }, { flags: "PA" }, "odd"),
        verdict: "tx",
        out: wrapped(inside(toServer, { ...whole, ttl: 8, typeOfService: 0xb3 }, { flags: "PA" }, "odd"), {
          ttl: 8,
          typeOfService: 0xb2,
        }),
      },
    ],
  };
}

/** By the addresses alone: the later ones have no ports. */
function fragmentsByOneQueue(wire: Wire): PacketScenario {
  const tunnel: Plan = { encapsulation: "gue" };
  const noPorts = { sourcePort: 0, destinationPort: 0 };
  const destinations = [{ address: wire.servers[0], method: "tun" as const, tunnel, hop: { mac: serverMac } }];
  const pieces = (ttl: number) => {
    const ip = { ttl, ...(wire.family === "ipv4" && { identification: 7 }) };
    return fragmentFrame(wire.udpFrame(arriving, ip, {}, new Uint8Array(1200)), 600, 7);
  };
  const outside = { ttl: 63, dontFragment: false };
  const wrapped = pieces(63).map((piece) =>
    frame(ethernet(toServer), ...inTunnel(wire, tunnel, piece.subarray(14), outside, noPorts)),
  );
  return {
    name: "tun: fragments of a datagram come from one source port",
    plan: directPlan(wire, { protocol: "udp", destinations }),
    steps: pieces(64).map((piece, at) => ({ in: piece, verdict: "tx", out: wrapped[at] as Uint8Array })),
  };
}

function whatDoesNotFit(wire: Wire): readonly PacketScenario[] {
  const { tcpFrame } = wire;
  const whole = { dontFragment: true } as const;
  const headers = wire.family === "ipv4" ? 40 : 60;
  const fits = room(wire, {});
  const payload = (length: number) => "x".repeat(length - headers);
  const open = (ttl = 64) => tcpFrame(arriving, { ...whole, ttl });
  const opened = frame(
    ethernet(toServer),
    ...inTunnel(wire, {}, tcpFrame(toServer, { ...whole, ttl: 63 }).subarray(14), { ttl: 63 }),
  );
  const tooLarge = (ttl: number) => tcpFrame(arriving, { ...whole, ttl }, { flags: "A" }, payload(fits + 1));
  const scenarios: PacketScenario[] = [
    {
      name: "tun: too large for the tunnel and not to be divided: the client is told what fits",
      plan: planOf(wire, {}),
      steps: [
        { in: open(), verdict: "tx", out: opened },
        {
          in: tooLarge(64),
          verdict: "tx",
          out: errorAbout(tcpFrame(arriving, { ...whole, ttl: 63 }, { flags: "A" }, payload(fits + 1)), "tooBig", fits),
        },
      ],
    },
    {
      name: "tun: no address towards the server: dropped",
      plan: planOf(wire, { source: "none" }),
      steps: [{ in: open(), verdict: "drop", reason: "noTunnelSource" }],
    },
  ];
  if (wire.family !== "ipv4") return scenarios;
  const passing = (ip: object, ttl: number) => {
    const bytes = tcpFrame(arriving, { ...ip, ttl: ttl - 1 }, { flags: "S" }, payload(fits + 1)).subarray(14);
    return frame(ethernet(arriving), ...inTunnel(wire, {}, bytes, { ttl, dontFragment: false }));
  };
  const large = (ip: object) => tcpFrame(arriving, ip, { flags: "S" }, payload(fits + 1));
  return [
    ...scenarios,
    {
      name: "tun: what may be divided goes wrapped to the stack, which takes a hop off outside",
      plan: planOf(wire, {}),
      steps: [
        {
          in: large({ dontFragment: false }),
          verdict: "pass",
          reason: "exceedsMtu",
          out: passing({ dontFragment: false }, 64),
        },
        {
          in: large({ dontFragment: false, ttl: 1 }),
          verdict: "tx",
          out: errorAbout(large({ dontFragment: false, ttl: 1 }), "timeExceeded"),
        },
      ],
    },
    {
      name: "tun: without path MTU discovery everything may be divided",
      plan: planOf(wire, {}, { pathMtuDiscovery: false }),
      steps: [
        {
          in: open(),
          verdict: "tx",
          out: frame(
            ethernet(toServer),
            ...inTunnel(wire, {}, tcpFrame(toServer, { ...whole, ttl: 63 }).subarray(14), {
              ttl: 63,
              dontFragment: false,
            }),
          ),
        },
        { in: large(whole), verdict: "pass", reason: "exceedsMtu", out: passing(whole, 64) },
      ],
    },
  ];
}

/** What a router on the way to the server says, and what the client is told. */
function aboutOutside(wire: Wire, name: string, tunnel: Plan): PacketScenario {
  const { tcpFrame, family, vip, clients } = wire;
  const isV4 = family === "ipv4";
  const own = tunnelSources[family];
  const router = isV4 ? "10.0.0.254" : "fd00::fe";
  const whole = { dontFragment: true } as const;
  const overhead = room(wire, tunnel, 0) * -1;
  const header = (source: string, destination: string) =>
    isV4 ? ipv4({ source, destination, ttl: 64 }) : ipv6({ source, destination, hopLimit: 64 });
  const toldHeader = isV4
    ? ipv4({
        source: vip,
        destination: clients[0],
        ttl: 64,
        typeOfService: 0xc0,
        identification: 0,
        dontFragment: false,
      })
    : ipv6({ source: vip, destination: clients[0], hopLimit: 64 });
  const icmp = isV4 ? icmp4 : icmp6;
  const inside = (ip: object, ...contents: string[]) =>
    tcpFrame(toServer, { ...whole, ...ip, ttl: 63 }, {}, ...contents).subarray(14);
  const quoted = (bytes: Uint8Array) => frame(...inTunnel(wire, tunnel, bytes, { ttl: 63 }));
  const arrives = (fields: Parameters<typeof icmp>[0], bytes: Uint8Array, to: string = own) =>
    frame(ethernet(fromServer), header(router, to), icmp(fields), bytes);
  const told = (fields: Parameters<typeof icmp>[0], bytes: Uint8Array) =>
    frame(ethernet(toClient), toldHeader, icmp(fields), bytes);
  const tooBig = isV4 ? { type: 3, code: 4 } : { type: 2, code: 0 };
  const unreachable = isV4 ? { type: 3, code: 1 } : { type: 1, code: 3 };
  const fits = 1300 - overhead;
  const large = "x".repeat(fits + 1 - (isV4 ? 40 : 60));
  const open = { in: tcpFrame(arriving, whole), verdict: "tx" as const };
  const bytes = inside({}, "abcdefgh");
  return {
    name: `tun: an error about the outside of ${name} is told of the inside, and the MTU is kept`,
    plan: planOf(wire, tunnel),
    steps: [
      { ...open, out: frame(ethernet(toServer), ...inTunnel(wire, tunnel, inside({}), { ttl: 63 })) },
      { in: arrives(unreachable, quoted(bytes)), verdict: "tx", out: told(unreachable, bytes) },
      {
        in: arrives({ ...tooBig, mtu: 1300 }, quoted(bytes)),
        verdict: "tx",
        out: told({ ...tooBig, mtu: fits }, bytes),
      },
      {
        in: tcpFrame(arriving, whole, { flags: "A" }, large),
        verdict: "tx",
        out: errorAbout(tcpFrame(arriving, { ...whole, ttl: 63 }, { flags: "A" }, large), "tooBig", fits),
      },
      { in: arrives({ ...tooBig, mtu: 100 }, quoted(bytes)), verdict: "drop", reason: "tunnelErrorKept" },
      { in: corrupted(arrives(unreachable, quoted(bytes))), verdict: "pass", reason: "malformedIcmp" },
      ...strangers(arrives, unreachable, quoted, inside, wire),
    ],
  };
}

function corrupted(bytes: Uint8Array): Uint8Array {
  const copy = bytes.slice();
  copy[copy.length - 1] = (copy.at(-1) ?? 0) ^ 1;
  return copy;
}

/** Errors that are about no connection, or not about what this director sent. */
function strangers(
  arrives: (fields: { type: number; code: number }, bytes: Uint8Array, to?: string) => Uint8Array,
  fields: { type: number; code: number },
  quoted: (bytes: Uint8Array) => Uint8Array,
  inside: (ip: object, ...contents: string[]) => Uint8Array,
  wire: Wire,
): PacketScenario["steps"] {
  const other = quoted(inside({ source: wire.clients[1] }));
  const reason = "icmpWithoutConnection" as const;
  return [
    { in: arrives(fields, other), verdict: "pass", reason },
    { in: arrives(fields, quoted(inside({})), wire.servers[1]), verdict: "pass", reason },
  ];
}
