// The maps that programs and control plane share: one definition of each structure serves both. Byte
// orders are the types'; connection times are ticks of the programs' clock, low 32 bits.

import {
  arrayMap,
  arrayOfArrays,
  BPF_F_INNER_MAP,
  BPF_F_MMAPABLE,
  BPF_F_NO_PREALLOC,
  be16,
  bytes,
  global,
  hashMap,
  list,
  lpmTrie,
  struct,
  u16,
  u32,
  u64,
  u8,
} from "@yardmaster/ebpf";
import { AnyAddress } from "./address.ts";
import { families, type Family, otherFamily, portSearchType } from "./family.ts";
import { Destination } from "./destination.ts";
import { reasonNames } from "./reasons.ts";
import { type BalancerShape, hasFeature } from "./shape.ts";
import { TRANSITION_BYTES } from "./tcp-states.ts";
import { hasLocalAddress } from "./forward/traits.ts";

export * from "./destination.ts";

/** How a service is found. */
export const ServiceIndex = struct("service_index", { service: u32 });

/**
 * Which wide services (by prefix, several ports, or mark) have a port: ports that the same ones have are of one class;
 * 0: none has it.
 */
export const PortClass = struct("port_class", { portClass: u32 });
/** TCP's ports, then UDP's. */
const PORTS = 2 << 16;

/** Bits of `flags` of a service. */
export const serviceFlags = {
  /** Clients stay with their server. */
  persistent: 1,
  /** Every packet is scheduled; no connection is kept. */
  onePacket: 2,
  /** Its address has no port: templates stand for all ports of the client. */
  allPorts: 4,
  /** It is known by a mark: one template for all addresses, ports and protocols of the client. */
  byMark: 8,
} as const;

/** A destination in the order of its service's list. */
export const Member = struct("member", { destination: u32, weight: u32 });

/** Where what is known of a service stands among the service records; 0: there is no such service. */
export const ServicePlace = struct("service_place", { record: u32 });

/**
 * A virtual service with its list of destinations. Exchanged whole by the control plane, which writes another record
 * and then changes the service's place: never half of a change.
 */
export function serviceType(maximumMembers: number) {
  return struct("service", {
    /** Where its scheduler stands; moved by the programs. What it means is the scheduler's. */
    position: u64,
    positionReserved: bytes(56),
    /** Code of the scheduler. */
    scheduler: u32,
    /** Bits of the scheduler's options, see schedule/scheduler.ts. */
    options: u32,
    /** How many of the members can be chosen: the first in the list. */
    memberCount: u32,
    /** How many there are with those that were removed and live on in connections; they stand behind the others. */
    listedCount: u32,
    /** wrr: greatest common divisor of the weights and the highest level, max weight − (divisor − 1). */
    weightDivisor: u32,
    highestLevel: u32,
    /** Bits of `serviceFlags`. */
    flags: u32,
    /** Ticks that a template lives after its last new connection. */
    persistenceTicks: u32,
    /** Bits of the client's address that templates keep. */
    maskBits: u32,
    /** Connections that may be opened in a second, and that may be half open at once; 0: no cap. */
    newPerSecond: u32,
    halfOpenMaximum: u32,
    /** Slots of its table; 0 for schedulers without one. */
    tableLength: u32,
    reserved: bytes(16),
    members: list(Member, maximumMembers),
  });
}
/** Its fields, whatever the length of the list. */
export type ServiceFields = ReturnType<typeof serviceType>["fields"];

/** What every CPU counts together: schedulers decide on it. A cache line of its own. */
export const Load = struct("load", {
  /** Active connections in the high half, inactive ones in the low half: one atomic moves one over. */
  connections: u64,
  /** Connections scheduled since the destination was added. */
  scheduled: u64,
  /** 1: it has reached its upper threshold and not yet come below the lower one. */
  overloaded: u32,
  /** Templates that lead to it. */
  templates: u32,
  /** Connections whose server could not be told who the client is: no packet had room before it spoke. */
  clientsUntold: u32,
  /**
   * The MTU of the way there, in bytes, as a router on it told the director, and the tick when it did; 0: nobody has.
   * What is known of a way on a CPU takes the smaller one when it is asked anew.
   */
  pathMtu: u32,
  pathMtuAt: u32,
  /** TCP handshakes of connections: those that began, and those of them that were completed. */
  handshakesBegun: u32,
  handshakesDone: u32,
  /** Those that the server refused: its reset came before it was complete. Seen where its replies are. */
  handshakesRefused: u32,
  /** SYNs that came again before it was complete: nobody answered, or the answer was lost. */
  synsRepeated: u32,
  reserved: bytes(12),
});

/** How often something happens: so many times in the second that began at this tick. */
export const Rate = struct("rate", { secondStartedAt: u32, counted: u32 });

/** What the caps of a service are measured by. A cache line of its own. */
export const ServiceLoad = struct("service_load", {
  /** Connections opened. */
  opened: Rate,
  /** Connections in a half-open state. */
  halfOpen: u32,
  reserved: bytes(52),
});

/** An address of the director that full NAT talks to servers from. */
export const LocalAddress = struct("local_address", { address: AnyAddress });
/** How many of them there may be in all pools together. */
export const MAXIMUM_LOCAL_ADDRESSES = 4096;

/** What stands for an address in the connections of IPv4 clients to servers of IPv6; see crossing/local-name.ts. */
export const LocalName = struct("local_name", { name: u32 });
export const NamedAddress = struct("named_address", { address: families.ipv6.Address });
/** Names are not forgotten: room for those of pools that were. */
const MAXIMUM_LOCAL_NAMES = 4 * MAXIMUM_LOCAL_ADDRESSES;

/** Where a CPU looks the options of a TCP header over, byte by byte. */
export const OptionText = struct("option_text", { bytes: bytes(64) });

/** Binds a client to a destination. */
export const Template = struct("template", {
  /**
   * As a connection's: expiry in the low 32 bits, state (NONE, ASSURED or CLAIMED) in bits 32–35; and from bit 36 on
   * how many connections were opened under it and have not ended: while there are any, it does not end.
   */
  life: u64,
  destination: u32,
  /** Tells it from templates that had the same key before. Odd. */
  serial: u32,
  /** Ticks that it lives from the next renewal on. */
  periodTicks: u32,
  reserved: u32,
});

/** The two addresses of a frame in the order in which they are sent. */
export const MacPair = struct("mac_pair", { destination: bytes(6), source: bytes(6) });

/** A way out, as bpf_fib_lookup told it; kept per CPU and asked again when older than a second. */
export const NextHop = struct("next_hop", {
  /** Tick of the lookup. */
  refreshedAt: u32,
  /** 0: nothing known yet. */
  ifindex: u32,
  mtu: u16,
  /** Tag control information that frames must carry there; 0 for untagged. */
  vlan: be16,
  macs: MacPair,
});

/** The way to a client, and which client. */
export const clientHopType = ({ Address }: Family) => struct("client_hop", { address: Address, hop: NextHop });

/** Traffic of one destination on one CPU, and the way to it: one cache line. */
export const Path = struct("path", {
  packetsIn: u64,
  bytesIn: u64,
  packetsOut: u64,
  bytesOut: u64,
  hop: NextHop,
  /** Of the packet that is on its way there: why it is left to the stack, see forward/send-request.ts. */
  passing: u32,
});

/** A destination that packets from a server's address and port are of. */
export const RealService = struct("real_service", { destination: u32 });

/** Room for what a service is known by. */
const IDENTITY_BYTES = 128;

/**
 * What the service with an index is known by, in UTF-8, filled up with zeros. Programs don't read it: it is for the
 * control plane that takes the tables over.
 */
export const Identity = struct("identity", {
  text: bytes(IDENTITY_BYTES),
  /** 4 or 6, of its addresses; 0: there is no service. */
  family: u32,
  /** Code of its scheduler. */
  scheduler: u32,
});

/** Of VLAN interfaces: where their frames really go. */
export const VlanDevice = struct("vlan_device", { ifindex: u32, vlan: be16, reserved: u16 });
export const InterfaceKey = struct("interface_key", { ifindex: u32 });

/** What the running programs may be told without being built anew. */
export const Settings = struct("settings", {
  /** Ticks of the clock in a second. */
  ticksPerSecond: u32,
  /** Under a manual clock: the time. */
  now: u32,
  /** IPVS's conn_reuse_mode: bits of `reuseModes`. */
  reuseMode: u32,
  /** What becomes of connections of removed destinations: a number of `removalActions`. */
  onRemoval: u32,
  /** Until this tick packets of unknown flows are dropped, for connections are still being copied; 0: none are. */
  holdUntil: u32,
  /** How many removed destinations there are: connections look at theirs only where there are any. */
  removedDestinations: u32,
  /** 1: a template to a destination of weight 0 no longer counts (expire_quiescent_template). */
  leaveQuiesced: u32,
  /** 1: any TCP packet but RST may open a connection (sloppy_tcp). */
  sloppyTcp: u32,
  /** 1: packets from port 20 open no connection, as in IPVS. */
  refuseSourcePort20: u32,
  /** Of so many packets that would open a connection one is dropped; 0: none (drop_packet, am_droprate). */
  dropRate: u32,
  /** 1: where no destination is available, the answer is an ICMP error; 0: the packet goes to the stack. */
  refusesByIcmp: u32,
  /** 1: an ICMP error about no connection opens that of the packet's flow, where it has a service (schedule_icmp). */
  scheduleIcmp: u32,
  /** 1: a server's packet of no connection is answered with an ICMP error (nat_icmp_send). */
  natIcmpSend: u32,
  /** 1: echo requests to virtual addresses are answered; 0: they go to the stack. */
  pingVip: u32,
  /**
   * 1: a tunnel's outside says "do not fragment" where the packet inside does, and what is too large is answered. 0:
   * IPv4 packets are divided in tunnels whatever they say (IPVS's pmtu_disc).
   */
  pathMtuDiscovery: u32,
  /** The largest segment that SYNs may announce, in bytes; 0: what the ways there and back take. */
  mssClamp: u32,
  /** ICMP errors and resets that the programs may send in a second. */
  answersPerSecond: u32,
  /** Ticks after which lblcr takes a server out of a set that has not changed. */
  localitySetTicks: u32,
  /** Ticks by which a connection's expiry must move for a packet to write it: a second saves most of the writes. */
  renewalTicks: u32,
  /** Full NAT: the first local port, and how many ports there are with those of the gap left out. */
  localPortFirst: u32,
  localPortCount: u32,
  /** Ports in between that are the kernel's: the first of them, and how many. */
  localGapFirst: u32,
  localGapCount: u32,
  /** What local ports are mixed with, so that they cannot be foretold. */
  localPortSeed: u32,
  /** Ticks that a connection lives in each state. */
  timeouts: list(u32, 16),
  /** Next state by table, TCP flags and state: see tcp-states.ts. */
  transitions: list(u8, TRANSITION_BYTES),
});

/** Numbers of `onRemoval` in the settings. */
export const removalActions = { drop: 0, reset: 1, reschedule: 2 } as const;
/** Bits of `reuseMode`: which SYNs of a known connection are scheduled anew. */
export const reuseModes = { afterEnd: 1, afterFin: 2 } as const;

/** Keys that one run of the reaper takes: a power of two. */
export const REAPER_BATCH = 256;
/** What the reaper can be asked to end; and destinations whose thresholds have changed, which it is to look at. */
export const reaperTables = { connections: 0, templates: 1, thresholds: 2 } as const;

/** Which entries end of those that it is given: `ofRemoved`, besides expired ones, those of removed destinations. */
export const reaperForces = { expired: 0, all: 1, ofRemoved: 2 } as const;

/** Indexes of destinations, where `table` says thresholds. */
export const reaperDestinations = list(u32, REAPER_BATCH);

/** Keys of a family's connections, or of its templates. */
export const reaperKeys = ({ FlowKey, TemplateKey }: Family) => ({
  connections: list(FlowKey, REAPER_BATCH),
  templates: list(TemplateKey, REAPER_BATCH),
});
const ReaperKeyBytes = bytes(reaperKeys(families.ipv6).templates.size);

/** What the reaper is to look at. */
export const ReaperWork = struct("reaper_work", {
  /** How many keys count. */
  count: u32,
  /** A number of `reaperForces`. */
  force: u32,
  /** 4 or 6, of keys. */
  family: u32,
  /** A number of `reaperTables`. */
  table: u32,
  keys: ReaperKeyBytes,
});

/** What is counted for the whole balancer and written by its programs. */
export const Tallies = struct("tallies", {
  /** Packets that would have opened a connection, for `dropRate`. */
  opening: u32,
  /** Twice the number of serials given to templates. */
  templateSerial: u32,
  /** lblcr: the number given to a set last. */
  localitySet: u32,
  /** Packets that the programs made themselves. */
  answers: Rate,
});

/**
 * An address that clients of one service write to. What is remembered of it names destinations by index: whoever gives
 * an index to another server, or a service to another scheduler, deletes what is known of it.
 */
export const LocalityKey = struct("locality_key", { address: AnyAddress, service: u32 });
/** What lblc and lblcr remember of an address. */
export const Locality = struct("locality", {
  /** lblc: the destination that its packets go to; NO_DESTINATION (scheduler.ts) where lblcr noted the address. */
  destination: u32,
  /** Tick of its last new connection. */
  usedAt: u32,
  /** lblcr: number of its set of destinations or NO_SET, how many there are in it, and the tick of its last change. */
  set: u32,
  size: u32,
  changedAt: u32,
  /** lblcr: 1 while a CPU is changing the set; others go on without. */
  isChanging: u32,
});
/** Where lblc noted the address: lblcr, should it come after it, has no set there. */
export const NO_SET = 0xffff_ffff;
/** lblcr: a place in a set, from 0 for the destination that came first. */
export const LocalityMemberKey = struct("locality_place", { set: u32, place: u32 });
export const LocalityMember = struct("locality_member", { destination: u32 });
/** Addresses that all services together remember. */
const MAXIMUM_LOCALITIES = 65_536;
/** Places in sets for each of them, on average. */
const PLACES = 4;

/** Next hops of clients, found by a hash of the address. */
export const CLIENT_HOPS = 1024;

/** The way to a server that is checked, and which server. */
export const ProbeHop = struct("probe_hop", { address: AnyAddress, hop: NextHop });
/** How many of those are kept, found by a hash of the address. */
export const PROBE_HOPS = 256;
/** Taken only as they are needed: a server of a service is one, and so is each other port of it that is checked. */
const MAXIMUM_PROBES = 65_536;
/** Exchanges of checks under way that are remembered at once; the oldest make room. */
const MAXIMUM_PROBE_FLOWS = 16_384;

export const Counter = struct("counter", { packets: u64 });

/** What a first fragment says that the later ones do not. */
export const Fragment = struct("fragment", {
  sourcePort: be16,
  destinationPort: be16,
  /** Tick from which on it counts as unknown. */
  expiresAt: u32,
});
/** Datagrams whose fragments are on their way at once; the oldest make room. */
const MAXIMUM_FRAGMENTS = 8192;

/** An address, or prefix of addresses, that services have: how many of them. */
export const VirtualAddress = struct("virtual_address", { services: u32 });
/** Taken only as they are needed. */
const MAXIMUM_VIRTUAL_ADDRESSES = 131_072;

/** Prefixes of all wide services, counted once for each class of ports that they have. */
const MAXIMUM_PREFIXES = 65_536;

/** The maps of one family; those of a family that the shape lacks have room for one entry. */
function familyMaps(family: Family, shape: BalancerShape) {
  const { digit, FlowKey, Connection, ServiceKey, Prefix, VirtualPrefix, ReplyRule, TemplateKey } = family;
  const { LocalFlow, PortSearch } = family;
  const CrossSearch = portSearchType(`cross_search${digit}`, family, otherFamily(family));
  const room = (entries: number) => (shape.families.includes(family.name) ? Math.max(1, entries) : 1);
  const wide = hasFeature(shape, "wideServices");
  const localFlows = room(hasLocalAddress(shape.methods) ? shape.maximumConnections : 1);
  const templates = room(hasFeature(shape, "persistence") ? shape.maximumConnections : 1);
  const hasProbes = hasFeature(shape, "probes");
  const probeFlows = room(hasProbes ? MAXIMUM_PROBE_FLOWS : 1);
  return {
    /** Preallocated: an insertion then costs half, and never fails for want of memory while many come at once. */
    connections: hashMap(`connections${digit}`, FlowKey, Connection, room(shape.maximumConnections)),
    templates: hashMap(`templates${digit}`, TemplateKey, Template, templates, { flags: BPF_F_NO_PREALLOC }),
    serviceIndex: hashMap(`service_index${digit}`, ServiceKey, ServiceIndex, room(shape.maximumServices)),
    /** Services of the ports of a class, by prefix of the address: longest match. */
    prefixes: lpmTrie(`prefixes${digit}`, Prefix, ServiceIndex, room(wide ? MAXIMUM_PREFIXES : 1)),
    replyRules: hashMap(`reply_rules${digit}`, ServiceKey, ReplyRule, room(shape.maximumDestinations)),
    /** Which destination a nat server's address and port are of, for one protocol or both. */
    realServices: hashMap(`real_services${digit}`, ServiceKey, RealService, room(2 * shape.maximumDestinations)),
    localFlows: hashMap(`local_flows${digit}`, FlowKey, LocalFlow, localFlows),
    portSearch: arrayMap(`port_search${digit}`, PortSearch, 1, { perCpu: true }),
    /** The same for servers of the other family. */
    crossSearch: arrayMap(`cross_search${digit}`, CrossSearch, 1, { perCpu: true }),
    /**
     * Where a connection is made before it goes into the table. Not in the frame: the verifier would remember what each
     * way through the schedulers wrote there, and follow all of them to the end.
     */
    opened: arrayMap(`opened${digit}`, Connection, 1, { perCpu: true }),
    /** First fragments seen, for the others of their datagrams to follow. */
    fragments: hashMap(`fragments${digit}`, family.FragmentKey, Fragment, room(MAXIMUM_FRAGMENTS), {
      type: "lru_hash",
    }),
    /** What one step of the road of packets that follow others tells the next. */
    errands: arrayMap(`errands${digit}`, family.Errand, 1, { perCpu: true }),
    /** Addresses and prefixes of services, whatever their ports. */
    virtualAddresses: lpmTrie(`addresses${digit}`, VirtualPrefix, VirtualAddress, room(MAXIMUM_VIRTUAL_ADDRESSES)),
    clientHops: arrayMap(`client_hops${digit}`, clientHopType(family), CLIENT_HOPS, { perCpu: true }),
    /** Servers that are checked, by the address that stands for them. */
    probes: hashMap(`probes${digit}`, VirtualPrefix, family.Probe, room(hasProbes ? MAXIMUM_PROBES : 1), {
      flags: BPF_F_NO_PREALLOC,
    }),
    /** Exchanges of checks under way, by the server's flow. */
    probeFlows: hashMap(`probe_flows${digit}`, FlowKey, family.ProbeFlow, probeFlows, { type: "lru_hash" }),
  };
}

/** Records that are neither in use nor, since some time, out of use. */
const SPARE_RECORDS = 64;

function recordsFor(services: number): number {
  return 1 + services + Math.max(SPARE_RECORDS, services >> 3);
}

/** All maps for a shape. Each call makes new definitions: a program and its hosts share one set. */
export function balancerMaps(shape: BalancerShape) {
  const Service = serviceType(shape.maximumMembers);
  // Written through memory before programs see it: a table of mh has 65,537 slots.
  const slots = arrayMap("slots", u32, 1, { flags: BPF_F_INNER_MAP | BPF_F_MMAPABLE });
  const hasSets = shape.schedulers.includes("lblcr");
  const localities = hasSets || shape.schedulers.includes("lblc") ? MAXIMUM_LOCALITIES : 1;
  const places = hasSets ? MAXIMUM_LOCALITIES * PLACES : 1;
  const unreserved = { flags: BPF_F_NO_PREALLOC };
  const crosses = hasFeature(shape, "translatedFamilies");
  return {
    ipv4: familyMaps(families.ipv4, shape),
    ipv6: familyMaps(families.ipv6, shape),
    /** By index. Mapped, so that a place changes in one store. */
    services: arrayMap("services", ServicePlace, shape.maximumServices, { flags: BPF_F_MMAPABLE }),
    /** By place; nothing stands in the first one. Some more than services, for those that are being exchanged. */
    serviceRecords: arrayMap("service_records", Service, recordsFor(shape.maximumServices)),
    /** By service: the table of schedulers that have one, of any length, exchanged whole. */
    tables: arrayOfArrays("service_tables", slots, shape.maximumServices),
    portClasses: arrayMap("port_classes", PortClass, hasFeature(shape, "wideServices") ? PORTS : 1),
    identities: arrayMap("identities", Identity, shape.maximumServices),
    serviceLoads: arrayMap("service_loads", ServiceLoad, shape.maximumServices),
    destinations: arrayMap("destinations", Destination, shape.maximumDestinations),
    loads: arrayMap("loads", Load, shape.maximumDestinations),
    paths: arrayMap("paths", Path, shape.maximumDestinations, { perCpu: true }),
    localAddresses: arrayMap(
      "local_addresses",
      LocalAddress,
      hasLocalAddress(shape.methods) ? MAXIMUM_LOCAL_ADDRESSES : 1,
    ),
    /** Of full NAT from IPv6 clients to servers of IPv4, by the server's flow: whose the local end is. */
    crossedEnds: hashMap(
      "crossed_ends",
      families.ipv4.FlowKey,
      families.ipv6.LocalFlow,
      crosses ? shape.maximumConnections : 1,
      unreserved,
    ),
    localNames: hashMap("local_names", LocalName, NamedAddress, crosses ? MAXIMUM_LOCAL_NAMES : 1, unreserved),
    probeHops: arrayMap("probe_hops", ProbeHop, hasFeature(shape, "probes") ? PROBE_HOPS : 1, { perCpu: true }),
    /** The way to the checks' sockets. */
    probeBack: arrayMap("probe_back", NextHop, 1),
    optionText: arrayMap("option_text", OptionText, 1, { perCpu: true }),
    localities: hashMap("localities", LocalityKey, Locality, localities, unreserved),
    localityMembers: hashMap("locality_sets", LocalityMemberKey, LocalityMember, places, unreserved),
    vlanDevices: hashMap("vlan_devices", InterfaceKey, VlanDevice, 4096, unreserved),
    verdicts: arrayMap("verdicts", Counter, reasonNames.length, { perCpu: true }),
    settings: global("settings", Settings),
    tallies: global("tallies", Tallies),
    reaperWork: global("reaper_work", ReaperWork),
    /** What the tables look like: made anew for each service. */
    inner: { slots },
    Service,
  };
}

export type BalancerMaps = ReturnType<typeof balancerMaps>;
export type FamilyMaps = BalancerMaps["ipv4"];
