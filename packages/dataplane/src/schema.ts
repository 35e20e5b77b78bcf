// The maps that programs and control plane share: one definition of each structure serves both. Byte
// orders are the types'; connection times are ticks of the programs' clock, low 32 bits.

import {
  arrayMap,
  arrayOfArrays,
  BPF_F_INNER_MAP,
  BPF_F_NO_PREALLOC,
  be16,
  be32,
  bytes,
  global,
  hashMap,
  list,
  struct,
  u16,
  u32,
  u64,
  u8,
} from "@yardmaster/ebpf";
import { reasonNames } from "./reasons.ts";
import type { BalancerShape } from "./shape.ts";
import { TRANSITION_BYTES } from "./tcp-states.ts";

/** A flow as it arrives: the key of connections. 16 bytes, no padding. */
export const FlowKey = struct("flow_key", {
  source: be32,
  destination: be32,
  sourcePort: be16,
  destinationPort: be16,
  protocol: u32,
});

/**
 * A connection, found by the client's flow (`direction` 0). Where no rule says for whom its server
 * answers, it is found by the server's flow as well (1): that entry does not live or count, it leads to
 * the client's.
 */
export const Connection = struct("connection", {
  /**
   * One word, so that time and state change together: expiry in the low 32 bits, state in bits 32–39.
   * Of a reply entry: 0.
   */
  life: u64,
  /** Index of the destination. */
  destination: u32,
  /** What to write into the packet. Request: the server's address and port; reply: the service's. */
  address: be32,
  port: be16,
  method: u8,
  direction: u8,
  /** Which state table the packets of the client follow. */
  table: u8,
  /** 1: replies are found by an entry of their own, 0: by a rule, or there are none. */
  hasReplyEntry: u8,
  reserved: u16,
});

/** What a packet that opens a connection may be addressed to. */
export const ServiceKey = struct("service_key", { address: be32, port: be16, protocol: u16 });
/**
 * For whom a real server answers: key is its address, port and protocol, value the service's address and
 * port. Only where that is one service; otherwise connections have reply entries.
 */
export const ReplyRule = struct("reply_rule", { address: be32, port: be16, reserved: u16 });
export const ServiceIndex = struct("service_index", { service: u32 });

/** A virtual service, by index. Written by the control plane only. */
export const Service = struct("service", {
  /** Code of the scheduler. */
  scheduler: u32,
  /** How many of the members count. */
  memberCount: u32,
  /** wrr: greatest common divisor of the weights and the highest level, max weight − (divisor − 1). */
  weightDivisor: u32,
  highestLevel: u32,
});

/** A destination in the order of its service's list. */
export const Member = struct("member", { destination: u32, weight: u32 });

/** A real server as one service uses it, by index. Written by the control plane only. */
export const Destination = struct("destination", { address: be32, port: be16, method: u8, hasReplyRule: u8 });

/** What every CPU counts together: schedulers decide on it. A cache line of its own. */
export const Load = struct("load", {
  /** Active connections in the high half, inactive ones in the low half: one atomic moves one over. */
  connections: u64,
  /** Connections scheduled since the destination was added. */
  scheduled: u64,
  reserved: bytes(48),
});

/** Where a scheduler stands with one service. */
export const Position = struct("position", {
  /** rr: index of the member chosen last. wrr: that in the low half, the current level in the high half. */
  value: u64,
  reserved: bytes(56),
});

/** The two addresses of a frame in the order in which they are sent. */
export const MacPair = struct("mac_pair", { destination: bytes(6), source: bytes(6) });

/** A way out, as bpf_fib_lookup told it; kept per CPU and asked again when older than a second. */
export const NextHop = struct("next_hop", {
  /** The address that was looked up; 0: nothing yet. */
  address: be32,
  /** Tick of the lookup. */
  refreshedAt: u32,
  ifindex: u32,
  mtu: u16,
  /** Tag control information that frames must carry there; 0 for untagged. */
  vlan: be16,
  macs: MacPair,
  reserved: u32,
});

/** Traffic of one destination on one CPU, and the way to it: one cache line. */
export const Path = struct("path", {
  packetsIn: u64,
  bytesIn: u64,
  packetsOut: u64,
  bytesOut: u64,
  hop: NextHop,
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
  /** Ticks that a connection lives in each state. */
  timeouts: list(u32, 16),
  /** Next state by table, TCP flags and state: see tcp-states.ts. */
  transitions: list(u8, TRANSITION_BYTES),
});

/** Keys that one run of the reaper takes: a power of two. */
export const REAPER_BATCH = 256;
export const ReaperKeys = list(FlowKey, REAPER_BATCH);
const ReaperKeyBytes = bytes(ReaperKeys.size);

/** What the reaper is to look at. */
export const ReaperWork = struct("reaper_work", {
  /** How many keys count. */
  count: u32,
  /** 1: also connections whose time is not up. */
  force: u32,
  keys: ReaperKeyBytes,
});

/** Next hops of clients, found by a hash of the address. */
export const CLIENT_HOPS = 1024;

export const Counter = struct("counter", { packets: u64 });

/** All maps for a shape. Each call makes new definitions: a program and its hosts share one set. */
export function balancerMaps(shape: BalancerShape) {
  const members = arrayMap("members", list(Member, shape.maximumMembers), 1);
  const slots = arrayMap("slots", u32, 1, { flags: BPF_F_INNER_MAP });
  return {
    /** Preallocated: an insertion then costs half, and never fails for want of memory while many come at once. */
    connections: hashMap("connections", FlowKey, Connection, shape.maximumConnections),
    serviceIndex: hashMap("service_index", ServiceKey, ServiceIndex, shape.maximumServices),
    replyRules: hashMap("reply_rules", ServiceKey, ReplyRule, shape.maximumDestinations),
    services: arrayMap("services", Service, shape.maximumServices),
    positions: arrayMap("positions", Position, shape.maximumServices),
    /** By service: its list of destinations, exchanged whole. */
    members: arrayOfArrays("service_members", members, shape.maximumServices),
    membersInner: members,
    /** By service: the table of schedulers that have one, of any length, exchanged whole. */
    tables: arrayOfArrays("service_tables", slots, shape.maximumServices),
    tablesInner: slots,
    destinations: arrayMap("destinations", Destination, shape.maximumDestinations),
    loads: arrayMap("loads", Load, shape.maximumDestinations),
    paths: arrayMap("paths", Path, shape.maximumDestinations, { perCpu: true }),
    clientHops: arrayMap("client_hops", NextHop, CLIENT_HOPS, { perCpu: true }),
    vlanDevices: hashMap("vlan_devices", InterfaceKey, VlanDevice, 4096, { flags: BPF_F_NO_PREALLOC }),
    verdicts: arrayMap("verdicts", Counter, reasonNames.length, { perCpu: true }),
    settings: global("settings", Settings),
    reaperWork: global("reaper_work", ReaperWork),
  };
}

export type BalancerMaps = ReturnType<typeof balancerMaps>;
