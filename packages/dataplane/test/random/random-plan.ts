// Random balancers: services of all kinds that share servers and addresses, so that their flows meet.

import type { Random } from "@yardmaster/packet";
import {
  type BalancerShape,
  type FamilyName,
  featureNames,
  hasFeature,
  type MethodName,
  type SchedulerName,
  schedulerNames,
} from "../../src/index.ts";
import {
  type BalancerPlan,
  type DestinationPlan,
  type EndpointPlan,
  type HopPlan,
  type PersistencePlan,
  type PortsPlan,
  type ServicePlan,
  type SettingsPlan,
  type Thresholds,
  TICKS_PER_SECOND,
  type TunnelPlan,
} from "../plan.ts";

interface Addresses {
  readonly clients: readonly [string, ...string[]];
  readonly vips: readonly [string, ...string[]];
  readonly servers: readonly [string, ...string[]];
  /** Bits that templates may keep of a client's address. */
  readonly maskBits: readonly [number, ...number[]];
}

/** Who there is. Some clients are neighbours. */
export const addresses: Readonly<Record<FamilyName, Addresses>> = {
  ipv4: {
    clients: ["203.0.113.7", "203.0.113.8", "192.0.2.1", "10.9.8.7"],
    vips: ["198.51.100.10", "198.51.100.11"],
    servers: ["10.0.0.11", "10.0.0.12", "10.0.0.13", "10.0.0.14"],
    maskBits: [32, 32, 24, 31, 0],
  },
  ipv6: {
    clients: ["2001:db8:c::7", "2001:db8:c::8:0:0:8", "2001:db8:d::1", "fd00:9::7"],
    vips: ["2001:db8:5::10", "2001:db8:5::11"],
    servers: ["fd00::11", "fd00::12", "fd00::13", "fd00::14"],
    maskBits: [128, 128, 64, 60, 97, 32, 0],
  },
};

/** Near the end of the 32-bit tick, where the kernel's jiffies begin too. */
const STARTS = [1000, 0xffff_ffff - 250, 0x7fff_ff00] as const;
/** What random plans may ask for; the others are not in the reference. */
const FEATURES = featureNames.filter((name) => !["wideServices", "fullUdpChecksums"].includes(name));

/** What programs are specialised to: a few, because each is compiled. All schedulers but twos, which draws itself. */
const bodies: readonly [Body, ...Body[]] = [
  { families: ["ipv4"], schedulers: ["rr", "wrr", "wlc", "sh"], features: FEATURES },
  { families: ["ipv6"], schedulers: ["rr", "lc", "mh", "nq"], features: FEATURES, maximumConnections: 12 },
  { families: ["ipv4", "ipv6"], schedulers: ["wrr", "sed", "dh", "lblc"], features: FEATURES, sendBack: "redirect" },
  { families: ["ipv4"], schedulers: ["lblcr", "fo", "ovf", "sh"], features: [], maximumConnections: 9 },
  { families: ["ipv6"], schedulers: ["rr", "wlc"], features: [] },
  { families: ["ipv4", "ipv6"], schedulers: ["rr", "lblcr", "wlc"], features: FEATURES, maximumConnections: 3 },
];
type Body = Pick<BalancerShape, "families" | "schedulers" | "features" | "sendBack"> &
  Partial<Pick<BalancerShape, "maximumConnections">>;
const ROOM = {
  methods: ["nat", "dr", "tun", "fullnat"],
  encapsulations: ["gre", "gue", "ipip"],
  maximumServices: 8,
  maximumDestinations: 32,
} as const;

/** A body of its own, for the plan alone. */
function randomBody(random: Random): Body {
  const names = schedulerNames.filter((name) => name !== "twos") as [SchedulerName, ...SchedulerName[]];
  return {
    families: random.pick<readonly FamilyName[]>([["ipv4"], ["ipv6"], ["ipv4", "ipv6"]]),
    schedulers: [...new Set([random.pick(names), random.pick(names)])],
    features: FEATURES.filter(() => random.chance(0.5)),
    sendBack: random.pick(["tx", "redirect"]),
    maximumConnections: random.chance(0.3) ? 6 + random.below(10) : 1024,
  };
}

function randomHop(random: Random): HopPlan {
  const mac = `02:00:00:00:02:0${random.below(10)}`;
  return {
    mac,
    ...(random.chance(0.2) && { ifindex: 7 }),
    ...(random.chance(0.2) && { vlan: 1 + random.below(4094) }),
    ...(random.chance(0.2) && { mtu: 50 + random.below(30) }),
  };
}

/** Some destinations have thresholds. */
export function randomThresholds(random: Random): Thresholds {
  if (random.chance(0.6)) return {};
  const upperThreshold = 1 + random.below(5);
  return { upperThreshold, ...(random.chance(0.5) && { lowerThreshold: 1 + random.below(upperThreshold) }) };
}

function randomDestination(random: Random, address: string, body: Body): DestinationPlan {
  const method = random.pick<MethodName>(["nat", "nat", "dr", "dr", "tun", "fullnat"]);
  const mapsPorts = method === "nat" || method === "fullnat";
  const port = mapsPorts && random.chance(0.7) ? { port: random.pick([8080, 8080, 5353]) } : {};
  const weight = random.chance(0.1) ? 0 : random.chance(0.1) ? random.below(65536) : 1 + random.below(6);
  const thresholds = hasFeature(body, "thresholds") ? randomThresholds(random) : {};
  const telling = hasFeature(body, "toa") ? { tellsClient: random.chance(0.7) } : {};
  const tunnel = method === "tun" ? { tunnel: randomTunnel(random, body) } : {};
  const isTranslated = hasFeature(body, "translatedFamilies") && body.families.length > 1;
  const mayMix = { nat: false, dr: false, tun: hasFeature(body, "mixedFamilies"), fullnat: isTranslated }[method];
  const isMixed = mayMix && random.chance(0.5);
  const hop = randomHop(random);
  const other = isMixed ? otherFamily(address) : address;
  return { ...telling, address: other, method, weight, hop, ...port, ...thresholds, ...tunnel };
}

/** A server with the same last digits in the other family. */
function otherFamily(address: string): string {
  const { ipv4, ipv6 } = addresses;
  const at = ipv4.servers.indexOf(address);
  return (at >= 0 ? ipv6.servers[at] : ipv4.servers[ipv6.servers.indexOf(address)]) ?? address;
}

function randomTunnel(random: Random, body: Body): TunnelPlan {
  return {
    encapsulation: random.pick(["ipip", "gue", "gre"]),
    ...(hasFeature(body, "tunnelChecksums") && random.chance(0.5) && { hasChecksum: true }),
    ...(hasFeature(body, "tunnelSources") && random.chance(0.5) && { spreadBits: random.pick([1, 5, 8]) }),
    ...(random.chance(0.05) && { source: "none" }),
  };
}

function randomPersistence(random: Random, { maskBits }: Addresses): PersistencePlan {
  return {
    seconds: random.pick([1, 2, 20, 300]),
    maskBits: random.pick(maskBits),
    covers: random.pick(["port", "allPorts", "mark"]),
  };
}

type Endpoint = Required<EndpointPlan>;

function randomService(
  random: Random,
  family: FamilyName,
  body: Body,
  at: readonly [Endpoint, ...Endpoint[]],
): ServicePlan {
  const own = addresses[family];
  const [first, ...alsoAt] = at;
  const servers = own.servers.filter(() => random.chance(0.7));
  const has = (feature: Parameters<typeof hasFeature>[1], probability: number) =>
    hasFeature(body, feature) && random.chance(probability);
  return {
    ...first,
    alsoAt,
    scheduler: random.pick(body.schedulers as [SchedulerName, ...SchedulerName[]]),
    destinations: servers.map((server) => randomDestination(random, server, body)),
    ...(has("persistence", 0.5) && { persistence: randomPersistence(random, own) }),
    ...(has("onePacket", 0.2) && { onePacket: true as const }),
    ...(has("caps", 0.15) && { newPerSecond: 1 + random.below(4) }),
    ...(has("caps", 0.15) && { halfOpenMaximum: 1 + random.below(4) }),
  };
}

/** Services of one family, at half of the places where there may be one; some are at several. */
function randomServices(random: Random, family: FamilyName, body: Body): ServicePlan[] {
  const places = addresses[family].vips.flatMap((address) =>
    [80, 53].flatMap((port) => (["tcp", "udp"] as const).map((protocol) => ({ address, port, protocol }))),
  );
  const taken = places.filter(() => random.chance(0.5));
  if (taken.length === 0) taken.push(...places.slice(0, 1));
  const services: ServicePlan[] = [];
  while (taken.length > 0 && services.length < ROOM.maximumServices / body.families.length) {
    const count = random.chance(0.25) ? 2 : 1;
    services.push(randomService(random, family, body, taken.splice(0, count) as [Endpoint, ...Endpoint[]]));
  }
  return services;
}

/** So few that they run out. */
function randomPorts(random: Random): PortsPlan {
  const first = random.pick([1024, 40_000, 65_530]);
  const count = 1 + random.below(3);
  return { first, count, ...(random.chance(0.5) && { gap: { first: first + random.below(3), count: 2 } }) };
}

/** Settings of IPVS's ways, most of them as they are by default. */
export function randomSettings(random: Random): SettingsPlan {
  return {
    reuseMode: random.below(4),
    onRemoval: random.pick(["drop", "reset", "reschedule"]),
    leaveQuiesced: random.chance(0.5),
    sloppyTcp: random.chance(0.3),
    refuseSourcePort20: random.chance(0.5),
    dropRate: random.chance(0.3) ? 1 + random.below(4) : 0,
    refusesByIcmp: random.chance(0.5),
    scheduleIcmp: random.chance(0.3),
    natIcmpSend: random.chance(0.3),
    mssClamp: random.pick([0, 0, 536, 1400]),
    pathMtuDiscovery: random.chance(0.7),
    renewalTicks: random.pick([TICKS_PER_SECOND, TICKS_PER_SECOND, 0, 1]),
    rules: random.pick(["normal", "normal", "secure"]),
    answersPerSecond: random.chance(0.2) ? random.below(3) : 1000,
  };
}

export function randomPlan(random: Random): BalancerPlan {
  const isCommon = random.chance(0.85);
  const body = isCommon ? random.pick(bodies) : randomBody(random);
  const services = body.families.flatMap((family) => randomServices(random, family, body));
  const { maximumConnections = 1024, sendBack = "tx" } = body;
  const now = random.pick(STARTS);
  const isHolding = hasFeature(body, "holdsUnknown") && random.chance(0.1);
  const settings = { ...randomSettings(random), holdUntil: isHolding ? (now + random.below(2000)) >>> 0 : 0 };
  return {
    services,
    // Strange frames make a client of any address.
    clients: body.families.flatMap((family) => {
      const { clients, vips, servers } = addresses[family];
      return [...clients, ...vips, ...servers];
    }),
    now,
    clientHop: randomHop(random),
    ...(random.chance(0.4) && { localPorts: randomPorts(random) }),
    ...(random.chance(0.3) && { localAddresses: ["10.0.1.1", "10.0.1.2", "fd00:1::1", "fd00:1::2", "fd00:1::3"] }),
    settings: hasFeature(body, "dropPackets") ? settings : { ...settings, dropRate: 0 },
    maximumConnections,
    sendBack,
    shape: { ...ROOM, ...body, maximumConnections, sendBack },
  };
}
