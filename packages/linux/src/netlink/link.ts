// Network interfaces: what the kernel tells of each, with the XDP program on it if any.

import { macText } from "../address.ts";
import { Attributes, type NetlinkMessage } from "./message.ts";
import { askRoute } from "./route-socket.ts";

/** include/uapi/linux/rtnetlink.h */
const RTM_GETLINK = 18;
/** sizeof(struct ifinfomsg) */
const FIXED_SIZE = 16;
/** include/uapi/linux/if.h */
const IFF_UP = 1;
const IFF_RUNNING = 0x40;
/** include/uapi/linux/if_link.h */
const IFLA = { ADDRESS: 1, IFNAME: 3, MTU: 4, LINK: 5, MASTER: 10, LINKINFO: 18, XDP: 43 } as const;
const IFLA_INFO_KIND = 1;
const IFLA_INFO_DATA = 2;
const IFLA_VLAN_ID = 1;
const IFLA_XDP_ATTACHED = 2;
/** By the value of IFLA_XDP_ATTACHED: how the program runs, and the attribute that holds its id. */
const XDP_MODES: ReadonlyMap<number, readonly [XdpMode, number]> = new Map([
  [1, ["native", 5]],
  [2, ["generic", 6]],
  [3, ["offload", 7]],
]);
/** Several modes at once: the native program is the one that sees packets first. */
const XDP_ATTACHED_MULTI = 4;

/** How an XDP program is attached: by the driver, by the network stack, or in the card. */
export type XdpMode = "native" | "generic" | "offload";

/** An interface. */
export interface Link {
  readonly name: string;
  readonly index: number;
  /** "02:00:00:00:00:01", or undefined where it has none. */
  readonly mac: string | undefined;
  readonly mtu: number;
  /** "veth", "bridge" …; undefined for hardware. */
  readonly kind: string | undefined;
  /** The number of a VLAN interface. */
  readonly vlanId: number | undefined;
  /** Whether it has been brought up (IFF_UP). */
  readonly isUp: boolean;
  /** Whether it can send, too (IFF_RUNNING): the kernel sets a virtual one going a moment after it was brought up. */
  readonly isRunning: boolean;
  /** The other end of a veth, the lower interface of a VLAN; its namespace may be another. */
  readonly linkIndex: number | undefined;
  /** The bridge or bond that it belongs to. */
  readonly masterIndex: number | undefined;
  readonly xdp: { readonly mode: XdpMode; readonly programId: number } | undefined;
}

function parseXdp(xdp: Attributes | undefined): Link["xdp"] {
  const attached = xdp?.u8(IFLA_XDP_ATTACHED);
  if (xdp === undefined || attached === undefined) return undefined;
  const [mode, attribute] = XDP_MODES.get(attached === XDP_ATTACHED_MULTI ? 1 : attached) ?? [];
  const programId = attribute === undefined ? undefined : xdp.u32(attribute);
  return mode === undefined || programId === undefined ? undefined : { mode, programId };
}

/** The interface that an RTM_NEWLINK message describes. */
export function parseLink({ payload }: Pick<NetlinkMessage, "payload">): Link {
  const attributes = new Attributes(payload, FIXED_SIZE);
  const mac = attributes.bytes(IFLA.ADDRESS);
  const info = attributes.nested(IFLA.LINKINFO);
  const kind = info?.text(IFLA_INFO_KIND);
  return {
    name: attributes.text(IFLA.IFNAME) ?? "",
    index: payload.getInt32(4, true),
    mac: mac === undefined || mac.length === 0 ? undefined : macText(mac),
    mtu: attributes.u32(IFLA.MTU) ?? 0,
    kind,
    vlanId: kind === "vlan" ? info?.nested(IFLA_INFO_DATA)?.u16(IFLA_VLAN_ID) : undefined,
    isUp: (payload.getUint32(8, true) & IFF_UP) !== 0,
    isRunning: (payload.getUint32(8, true) & IFF_RUNNING) !== 0,
    linkIndex: attributes.u32(IFLA.LINK),
    masterIndex: attributes.u32(IFLA.MASTER),
    xdp: parseXdp(attributes.nested(IFLA.XDP)),
  };
}

/** All interfaces of this network namespace, by index. */
export function listLinks(): readonly Link[] {
  const request = { type: RTM_GETLINK, fixed: new Uint8Array(FIXED_SIZE), dump: true, doing: "listing interfaces" };
  return askRoute(request)
    .map(parseLink)
    .sort((a, b) => a.index - b.index);
}

/** The interface called `name`, or undefined. */
export function findLink(name: string): Link | undefined {
  return listLinks().find((link) => link.name === name);
}
