// From what a real server is told to the changes that make it so. Reads the machine, changes nothing.
import { type Link, listLinks, routeTo } from "@yardmaster/linux";
import { formatAddress, formatPrefix, type Prefix } from "@yardmaster/packet";
import { type Change, readSysctl } from "./changes.ts";
import { RealServerError } from "./errors.ts";
import { familyOf, type RealServerOptions, virtualAddresses } from "./options.ts";
import { pinDirectory } from "./pins.ts";
import { findControlGroup } from "./toa/control-group.ts";
import { devicesFor } from "./unwrap/devices.ts";

const LARGEST_SEGMENT = 65_495;

/** Addresses of documentation (RFC 5737, RFC 3849) that stand for clients anywhere. */
export const SOME_CLIENT = { 4: "192.0.2.1", 6: "2001:db8::1" } as const;

/** The value of a setting before we changed it. */
type Original = (name: string) => string;

/**
 * The changes, in the order in which they are to be made: first what keeps quiet, then what there is to say. `earlier`
 * are those that stand already.
 */
export function planChanges(options: RealServerOptions, earlier: readonly Change[]): readonly Change[] {
  const original: Original = (name) => {
    const changed = earlier.find((change) => change.kind === "sysctl" && change.name === name);
    return changed?.kind === "sysctl" ? changed.before : readSysctl(name);
  };
  const isLocal = options.method === "dr" || options.method === "tun";
  return [
    ...(isLocal ? quietChanges(options, original) : []),
    ...(isLocal ? reversePathChanges(options, original) : []),
    ...(isLocal ? virtualAddresses(options).map((address) => addressChange(address, "lo")) : []),
    ...(options.method === "tun" ? unwrapChanges(options) : []),
    ...(options.method === "fullnat" ? [toaChange(options)] : []),
  ];
}

/**
 * IPv4 answers ARP for every address of the machine on every interface; with arp_ignore 1 only for those of the
 * interface itself, and with arp_announce 2 it does not ask in the name of others (Documentation/networking/
 * ip-sysctl.rst). The greater of `all` and the interface's value counts (IN_DEV_MAXCONF, include/linux/inetdevice.h).
 * IPv6 answers only for addresses of the interface that was asked (ndisc_recv_ns, net/ipv6/ndisc.c).
 */
function quietChanges(options: RealServerOptions, original: Original): Change[] {
  if (virtualAddresses(options).every((address) => familyOf(address) === 6)) return [];
  const least = { arp_ignore: 1, arp_announce: 2 };
  return Object.entries(least).flatMap(([setting, wanted]) =>
    atLeast(`net/ipv4/conf/all/${setting}`, wanted, original),
  );
}

function atLeast(name: string, wanted: number, original: Original): Change[] {
  const before = original(name);
  return Number(before) >= wanted ? [] : [{ kind: "sysctl", name, before, after: String(wanted) }];
}

/**
 * A strict reverse path filter drops what comes in by another way than answers would take. Where packets of clients
 * come in by an interface that is not the way to them, it has to be loose (2, RFC 3704).
 */
function reversePathChanges(options: RealServerOptions, original: Original): Change[] {
  if (virtualAddresses(options).every((address) => familyOf(address) === 6)) return [];
  const { name, index } = interfaceOf(options);
  const setting = (scope: string): string => `net/ipv4/conf/${scope}/rp_filter`;
  const strictest = Math.max(...["all", name].map((scope) => Number(original(setting(scope)))));
  const route = routeTo(SOME_CLIENT[4]);
  const isStrict = strictest === 1;
  const isWayOut = route.type === "unicast" && route.interfaceIndex === index;
  if (!isStrict || isWayOut) return [];
  return [{ kind: "sysctl", name: setting(name), before: original(setting(name)), after: "2" }];
}

function addressChange(address: string, interfaceName: string): Change {
  return { kind: "address", interface: interfaceName, address, prefixLength: familyOf(address) === 4 ? 32 : 128 };
}

/** Outer headers of GUE, the longest that directors write: IP, UDP and four bytes. */
const TUNNEL_BYTES = { 4: 20 + 8 + 4, 6: 40 + 8 + 4 } as const;
/** IP and TCP without options. */
const HEADER_BYTES = { 4: 20 + 20, 6: 40 + 20 } as const;

/** What fits through a tunnel to `link`, if its MTU is that of the whole way from the directors. */
function largestSegments({ directors, mssClamp }: RealServerOptions, { mtu }: Link) {
  if (mssClamp === "off") return undefined;
  if (mssClamp !== "auto") return { 4: mssClamp, 6: mssClamp };
  const outer = Math.max(...directors.map(({ address }) => TUNNEL_BYTES[address.length === 4 ? 4 : 6]));
  const largest = (family: 4 | 6): number => Math.min(mtu - outer - HEADER_BYTES[family], LARGEST_SEGMENT);
  return { 4: largest(4), 6: largest(6) };
}

/**
 * Our program, or devices. Even the loose reverse path filter drops everything IPv4 from a device that has no IPv4
 * address (no_addr in __fib_validate_source, net/ipv4/fib_frontend.c), so each gets one that this machine has anyway.
 */
function unwrapChanges(options: RealServerOptions): readonly Change[] {
  if (options.unwrap === "own") return [unwrapChange(options)];
  const someAddress = virtualAddresses(options).find((address) => familyOf(address) === 4);
  return devicesFor(options.directors.map(hostOf)).flatMap((device): Change[] => {
    const deviceChange: Change = { kind: "device", device };
    return someAddress === undefined ? [deviceChange] : [deviceChange, addressChange(someAddress, device.name)];
  });
}

function unwrapChange(options: RealServerOptions): Change {
  const link = interfaceOf(options);
  return {
    kind: "unwrap",
    interface: link.name,
    largestSegments: largestSegments(options, link),
    directors: options.directors.map(formatPrefix),
    services: options.services,
    guePort: options.guePort,
    pinDirectory: pinDirectory(),
  };
}

function toaChange({ directors, controlGroup }: RealServerOptions): Change {
  return {
    kind: "toa",
    directors: directors.map(formatPrefix),
    controlGroup: controlGroup ?? findControlGroup(),
    pinDirectory: pinDirectory(),
  };
}

/** The interface that packets of the directors come in by. Throws a RealServerError where there is none. */
export function interfaceOf({ interfaceName, directors }: RealServerOptions) {
  const links = listLinks();
  if (interfaceName !== undefined) {
    const found = links.find(({ name }) => name === interfaceName);
    if (found !== undefined) return found;
    const names = links.map(({ name }) => name).join(", ");
    const message = `looking for interface "${interfaceName}": there are ${names}`;
    throw new RealServerError("YM_REALSERVER_INTERFACE", message);
  }
  for (const address of [...directors.map(hostOf), SOME_CLIENT[4], SOME_CLIENT[6]]) {
    const route = routeTo(address);
    const found = route.type === "unicast" && links.find(({ index }) => index === route.interfaceIndex);
    if (found !== undefined && found !== false) return found;
  }
  const message = "looking for the interface of the directors: no route leads to them or to clients; give --interface";
  throw new RealServerError("YM_REALSERVER_INTERFACE", message);
}

/** An address of a prefix that a host can have. */
export function hostOf({ address, length }: Prefix): string {
  const bytes = Uint8Array.from(address);
  const last = bytes.length - 1;
  if (length < bytes.length * 8) bytes[last] = (bytes[last] ?? 0) | 1;
  return formatAddress(bytes);
}
