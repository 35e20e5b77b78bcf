// Changes to addresses, links and routes of this network namespace. Each is one request that the kernel confirms.

import { addressBytes, familyOf } from "../address.ts";
import { Errno, SyscallError } from "../errno.ts";
import { type NetlinkAttribute, packAttributes } from "./message.ts";
import { askRoute } from "./route-socket.ts";

// include/uapi/linux/rtnetlink.h
const RTM_NEWLINK = 16;
const RTM_DELLINK = 17;
const RTM_NEWADDR = 20;
const RTM_DELADDR = 21;
const RTM_NEWROUTE = 24;
// include/uapi/linux/netlink.h
const NLM_F_ACK = 4;
const NLM_F_EXCL = 0x200;
const NLM_F_CREATE = 0x400;
const NLA_F_NESTED = 0x8000;
// include/uapi/linux/if_addr.h
const IFA_ADDRESS = 1;
const IFA_LOCAL = 2;
const IFA_CACHEINFO = 6;
const IFA_F_NODAD = 2;
// include/uapi/linux/if_link.h
const IFLA_ADDRESS = 1;
const IFLA_IFNAME = 3;
const IFLA_MTU = 4;
const IFLA_LINKINFO = 18;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
/** include/uapi/linux/veth.h */
const VETH_INFO_PEER = 1;
const IFF_UP = 1;
const IFF_NOARP = 0x80;
// include/uapi/linux/rtnetlink.h: struct rtmsg and its attributes
const RTA_DST = 1;
const RTA_OIF = 4;
const RTA_METRICS = 8;
const RTAX_MTU = 2;
const RT_TABLE_MAIN = 254;
const RTPROT_STATIC = 4;
const RT_SCOPE_LINK = 253;
const RTN_UNICAST = 1;

/** An address of an interface. */
export interface AddressChange {
  readonly interfaceIndex: number;
  readonly address: string;
  readonly prefixLength: number;
}

/**
 * struct ifa_cacheinfo: preferred for no time, valid for ever. Such an address answers, and is never chosen as the
 * source of what this machine begins (RFC 6724, rule 3); IPv4 has no such rule, and prefers the outgoing interface's.
 */
const NEVER_PREFERRED = new Uint8Array(Uint32Array.of(0, 0xffff_ffff, 0, 0).buffer);

function addressRequest({ interfaceIndex, address, prefixLength }: AddressChange) {
  const bytes = addressBytes(address);
  const fixed = new Uint8Array(8);
  fixed.set([familyOf(bytes), prefixLength, IFA_F_NODAD]);
  new DataView(fixed.buffer).setUint32(4, interfaceIndex, true);
  const attributes = [IFA_LOCAL, IFA_ADDRESS].map((type) => ({ type, value: bytes }));
  if (bytes.length === 16) attributes.push({ type: IFA_CACHEINFO, value: NEVER_PREFERRED });
  return { fixed, attributes, dump: false };
}

/**
 * Gives an interface an address to be reached at, without detection of duplicates; what the machine begins itself goes
 * out under others. False where it has it already.
 */
export function addAddress(change: AddressChange): boolean {
  const doing = `giving ${change.address}/${change.prefixLength} to interface ${change.interfaceIndex}`;
  const flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
  return isDone(() => askRoute({ type: RTM_NEWADDR, ...addressRequest(change), flags, doing }), Errno.EEXIST);
}

/** Takes an address from an interface. False where it does not have it, or is gone itself. */
export function removeAddress(change: AddressChange): boolean {
  const doing = `taking ${change.address}/${change.prefixLength} from interface ${change.interfaceIndex}`;
  const request = { type: RTM_DELADDR, ...addressRequest(change), flags: NLM_F_ACK, doing };
  return isDone(() => askRoute(request), Errno.EADDRNOTAVAIL, Errno.ENODEV);
}

/** struct ifinfomsg: index, flags and the mask of flags to change. */
function linkHeader(interfaceIndex: number, flags: number): Uint8Array {
  const fixed = new Uint8Array(16);
  const view = new DataView(fixed.buffer);
  view.setInt32(4, interfaceIndex, true);
  view.setUint32(8, flags, true);
  view.setUint32(12, flags, true);
  return fixed;
}

/** Brings an interface up; one `withoutArp` asks nobody for link-layer addresses, and answers nobody. */
export function bringUp(interfaceIndex: number, options: { readonly withoutArp?: true } = {}): void {
  const doing = `bringing interface ${interfaceIndex} up`;
  const fixed = linkHeader(interfaceIndex, options.withoutArp === true ? IFF_UP | IFF_NOARP : IFF_UP);
  askRoute({ type: RTM_NEWLINK, fixed, dump: false, flags: NLM_F_ACK, doing });
}

/** A virtual interface of a kind that the kernel knows. */
export interface NewLink {
  readonly name: string;
  /** "dummy", "ipip", "sit", "ip6tnl", "gre" … */
  readonly kind: string;
  /** Attributes of the kind (IFLA_INFO_DATA). */
  readonly data?: readonly NetlinkAttribute[];
}

/** Makes an interface and brings it up. False where one of that name is there. */
export function addLink({ name, kind, data = [] }: NewLink): boolean {
  const info = [
    { type: IFLA_INFO_KIND, value: Buffer.from(kind) },
    { type: IFLA_INFO_DATA | NLA_F_NESTED, value: packAttributes(data) },
  ];
  const attributes = [
    { type: IFLA_IFNAME, value: Buffer.from(`${name}\0`) },
    { type: IFLA_LINKINFO | NLA_F_NESTED, value: packAttributes(info) },
  ];
  const flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
  const doing = `making interface "${name}" (${kind})`;
  const request = { type: RTM_NEWLINK, fixed: linkHeader(0, IFF_UP), attributes, dump: false, flags, doing };
  return isDone(() => askRoute(request), Errno.EEXIST);
}

/** Two interfaces that are the ends of one wire. */
export interface NewPair {
  readonly names: readonly [string, string];
  /** The link-layer address of both, 6 bytes: whatever one sends to its own address is for the other. */
  readonly mac: Uint8Array;
  /** Of both, in bytes. */
  readonly mtu: number;
}

/**
 * Makes a pair of virtual interfaces (veth), which are yet to be brought up. False where one of these names is there.
 */
export function addPair({ names, mac, mtu }: NewPair): boolean {
  const [one, other] = names.map((name) => [
    { type: IFLA_IFNAME, value: Buffer.from(`${name}\0`) },
    { type: IFLA_ADDRESS, value: mac },
    { type: IFLA_MTU, value: new Uint8Array(Uint32Array.of(mtu).buffer) },
  ]) as [NetlinkAttribute[], NetlinkAttribute[]];
  const header = linkHeader(0, 0);
  const peer = Buffer.concat([header, packAttributes(other)]);
  const info = [
    { type: IFLA_INFO_KIND, value: Buffer.from("veth") },
    { type: IFLA_INFO_DATA | NLA_F_NESTED, value: packAttributes([{ type: VETH_INFO_PEER, value: peer }]) },
  ];
  const attributes = [...one, { type: IFLA_LINKINFO | NLA_F_NESTED, value: packAttributes(info) }];
  const flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
  const doing = `making interfaces "${names[0]}" and "${names[1]}" (veth)`;
  const request = { type: RTM_NEWLINK, fixed: header, attributes, dump: false, flags, doing };
  return isDone(() => askRoute(request), Errno.EEXIST);
}

/** Removes an interface. False where there is none of that number. */
export function removeLink(interfaceIndex: number): boolean {
  const doing = `removing interface ${interfaceIndex}`;
  const request = { type: RTM_DELLINK, fixed: linkHeader(interfaceIndex, 0), dump: false, flags: NLM_F_ACK, doing };
  return isDone(() => askRoute(request), Errno.ENODEV);
}

/** A route to addresses that are reached over an interface without a gateway. */
export interface NewRoute {
  readonly address: string;
  /** Default: of one address. */
  readonly prefixLength?: number;
  readonly interfaceIndex: number;
  /** What packets may be as long as, in bytes. Default: the interface's. */
  readonly mtu?: number;
}

/** Adds a route. False where it is there already. */
export function addLinkRoute({ address, prefixLength, interfaceIndex, mtu }: NewRoute): boolean {
  const bytes = addressBytes(address);
  const length = prefixLength ?? bytes.length * 8;
  const fixed = new Uint8Array(12);
  fixed.set([familyOf(bytes), length, 0, 0, RT_TABLE_MAIN, RTPROT_STATIC, RT_SCOPE_LINK, RTN_UNICAST]);
  const number = (value: number) => new Uint8Array(Uint32Array.of(value).buffer);
  const metrics = (value: number) => packAttributes([{ type: RTAX_MTU, value: number(value) }]);
  const attributes = [
    { type: RTA_DST, value: bytes },
    { type: RTA_OIF, value: number(interfaceIndex) },
    ...(mtu === undefined ? [] : [{ type: RTA_METRICS | NLA_F_NESTED, value: metrics(mtu) }]),
  ];
  const flags = NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL;
  const doing = `adding a route to ${address}/${length} over interface ${interfaceIndex}`;
  return isDone(() => askRoute({ type: RTM_NEWROUTE, fixed, attributes, dump: false, flags, doing }), Errno.EEXIST);
}

/** False where the kernel says that there was nothing to do, by one of `errnos`. */
function isDone(change: () => unknown, ...errnos: readonly number[]): boolean {
  try {
    change();
    return true;
  } catch (error) {
    if (error instanceof SyscallError && errnos.includes(error.errno)) return false;
    throw error;
  }
}
