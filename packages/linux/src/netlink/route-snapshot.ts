// The ways to many addresses at one time. The kernel is asked about some of them one by one; where there are many, it
// is asked for its routes, and addresses that one and the same route leads to get one answer. Only where that is
// certain: in IPv4 (in IPv6 the source depends on the address, RFC 6724), under the usual rules, by a route that is
// alone with its prefix and has one next hop. Everything else is asked one by one.

import { AF_INET, ipv4Number } from "../address.ts";
import { SyscallError } from "../errno.ts";
import { Attributes, type NetlinkMessage } from "./message.ts";
import { type Route, RTAX_MTU, routeTo, RTA } from "./route.ts";
import { dumpAtMost } from "./route-socket.ts";

/** include/uapi/linux/rtnetlink.h */
const RTM_GETROUTE = 26;
const RTM_GETRULE = 34;
/** sizeof(struct rtmsg), and of struct fib_rule_hdr (include/uapi/linux/fib_rules.h) */
const FIXED_SIZE = 12;
const RTN_UNICAST = 1;
/** RTNH_F_DEAD and RTNH_F_LINKDOWN: the kernel passes over such a route. */
const UNUSABLE = 0x11;
/** What else a route may say, and then is not judged here: several next hops, what wraps packets, another family's. */
const SPECIAL = [9, 18, 21, 22, 30] as const;
const TABLES = { default: 253, main: 254, local: 255 } as const;
/** FRA_*, and FR_ACT_TO_TBL. */
const FRA = { PRIORITY: 6, SUPPRESS_PREFIXLEN: 14, TABLE: 15, PROTOCOL: 21 } as const;
const TO_TABLE = 1;
const NOT_SUPPRESSED = 0xffff_ffff;
/** What Linux begins with (fib_default_rules_init, net/ipv4/fib_rules.c): each rule's priority and table. */
const USUAL_RULES = `0 ${TABLES.local}, 32766 ${TABLES.main}, 32767 ${TABLES.default}`;

/** So many addresses are asked for one by one before the routes are read. */
const FEW = 100;
/** With more routes than these, reading them costs more than it saves. */
const MOST_ROUTES = 10_000;

/** A route of a table that is looked at. */
interface Entry {
  /** Undefined: what it leads to is asked for one by one. */
  readonly gateway: "none" | number | undefined;
  readonly mtu: number | undefined;
  /** What the kernel answered for an address that it leads to. */
  answer?: Route;
}

/** Prefixes of one length: the mask, and the routes by the bits that count. */
interface Prefixes {
  readonly mask: number;
  readonly routes: Map<number, Entry>;
}

/** What tells where packets go: the longest prefixes of each table first. */
interface Tables {
  readonly local: readonly Prefixes[];
  readonly main: readonly Prefixes[];
}

/** Answers as `routeTo`; the same object for addresses that share their route. */
export class RouteSnapshot {
  #asked = 0;
  /** Undefined: they were not read, or do not tell. */
  #tables: Tables | undefined;

  /** The way to an address. Throws a SyscallError, as `routeTo` does. */
  routeTo(address: string): Route {
    this.#asked += 1;
    if (this.#asked === FEW) this.#tables = readTables();
    const entry = this.#entryFor(address);
    if (entry === undefined) return routeTo(address);
    if (entry.answer !== undefined) return entry.answer;
    const answer = routeTo(address);
    // What the kernel has learnt of this address alone, as by a redirect, is not what it would say of others.
    if (isAsWritten(answer, entry)) entry.answer = answer;
    return answer;
  }

  /** The route that leads to an address, where that is certain. */
  #entryFor(address: string): Entry | undefined {
    if (this.#tables === undefined || address.includes(":")) return undefined;
    const number = ipv4Number(address);
    // This machine's own addresses and what is sent to many: seldom a server.
    if (find(this.#tables.local, number) !== undefined) return undefined;
    const entry = find(this.#tables.main, number);
    return entry?.gateway === undefined ? undefined : entry;
  }
}

function find(prefixes: readonly Prefixes[], number: number): Entry | undefined {
  for (const { mask, routes } of prefixes) {
    const entry = routes.get((number & mask) >>> 0);
    if (entry !== undefined) return entry;
  }
  return undefined;
}

function isAsWritten(answer: Route, { gateway, mtu }: Entry): boolean {
  if (answer.type !== "unicast" || answer.mtu !== mtu) return false;
  return gateway === (answer.gateway === undefined ? "none" : ipv4Number(answer.gateway));
}

/** The IPv4 routes; undefined where they do not tell what becomes of packets. */
function readTables(): Tables | undefined {
  try {
    const rules = dumpAtMost(MOST_ROUTES, { type: RTM_GETRULE, fixed: fixedOf(), doing: "listing routing rules" });
    if (rules?.map(ruleText).join(", ") !== USUAL_RULES) return undefined;
    const routes = dumpAtMost(MOST_ROUTES, { type: RTM_GETROUTE, fixed: fixedOf(), doing: "listing routes" });
    return routes && { local: prefixesOf(routes, TABLES.local), main: prefixesOf(routes, TABLES.main) };
  } catch (error) {
    // A kernel without rules; or they changed while they were read.
    if (!(error instanceof SyscallError)) throw error;
    return undefined;
  }
}

function fixedOf(): Uint8Array {
  const fixed = new Uint8Array(FIXED_SIZE);
  fixed[0] = AF_INET;
  return fixed;
}

/** "unusual" where it asks for more than a table. */
function ruleText({ payload }: NetlinkMessage): string {
  const attributes = new Attributes(payload, FIXED_SIZE);
  const isPlain =
    [1, 2, 3].every((at) => payload.getUint8(at) === 0) &&
    payload.getUint8(7) === TO_TABLE &&
    payload.getUint32(8, true) === 0 &&
    (attributes.u32(FRA.SUPPRESS_PREFIXLEN) ?? NOT_SUPPRESSED) === NOT_SUPPRESSED &&
    attributes.types.every((type) => (Object.values(FRA) as readonly number[]).includes(type));
  return isPlain ? `${attributes.u32(FRA.PRIORITY) ?? 0} ${attributes.u32(FRA.TABLE)}` : "unusual";
}

function prefixesOf(messages: readonly NetlinkMessage[], wanted: number): readonly Prefixes[] {
  const byLength = new Map<number, Prefixes>();
  for (const { payload } of messages) {
    const attributes = new Attributes(payload, FIXED_SIZE);
    if ((attributes.u32(RTA.TABLE) ?? payload.getUint8(4)) !== wanted) continue;
    const length = payload.getUint8(1);
    const mask = length === 0 ? 0 : (0xffff_ffff << (32 - length)) >>> 0;
    const prefixes = byLength.get(length) ?? { mask, routes: new Map<number, Entry>() };
    byLength.set(length, prefixes);
    const number = numberOf(attributes.bytes(RTA.DST));
    const known = prefixes.routes.get(number);
    const entry = entryOf(payload, attributes);
    // Of several the kernel chooses by more than the prefix.
    prefixes.routes.set(number, known === undefined ? entry : { ...entry, gateway: undefined });
  }
  return [...byLength].toSorted(([a], [b]) => b - a).map(([, prefixes]) => prefixes);
}

function entryOf(payload: DataView, attributes: Attributes): Entry {
  const isPlain =
    payload.getUint8(3) === 0 &&
    payload.getUint8(7) === RTN_UNICAST &&
    (payload.getUint32(8, true) & UNUSABLE) === 0 &&
    !SPECIAL.some((type) => attributes.bytes(type) !== undefined);
  const gateway = attributes.bytes(RTA.GATEWAY);
  return {
    gateway: isPlain ? (gateway === undefined ? "none" : numberOf(gateway)) : undefined,
    mtu: attributes.nested(RTA.METRICS)?.u32(RTAX_MTU),
  };
}

function numberOf(bytes: Uint8Array | undefined): number {
  return bytes?.reduce((number, byte) => number * 256 + byte, 0) ?? 0;
}
