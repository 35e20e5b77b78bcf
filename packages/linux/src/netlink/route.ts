// The way to an address, as the kernel's routing table has it.

import { addressBytes, addressText, familyOf } from "../address.ts";
import { Errno, SyscallError } from "../errno.ts";
import { Attributes } from "./message.ts";
import { askRoute } from "./route-socket.ts";

/** include/uapi/linux/rtnetlink.h */
const RTM_GETROUTE = 26;
/** sizeof(struct rtmsg) */
const FIXED_SIZE = 12;
export const RTA = { DST: 1, OIF: 4, GATEWAY: 5, PREFSRC: 7, METRICS: 8, TABLE: 15 } as const;
export const RTAX_MTU = 2;
/** RTN_* */
const ROUTE_TYPES: ReadonlyMap<number, RouteType> = new Map([
  [1, "unicast"],
  [2, "local"],
  [3, "broadcast"],
  [4, "anycast"],
  [5, "multicast"],
]);

/** What becomes of packets to the address: sent on, kept by this machine, or sent to many. */
export type RouteType = "unicast" | "local" | "broadcast" | "anycast" | "multicast";

/** A way to an address, or that there is none and why ("ENETUNREACH", "EHOSTUNREACH", "EACCES", "EINVAL"). */
export type Route =
  | {
      readonly type: RouteType;
      readonly interfaceIndex: number;
      /** Undefined where the address is on the link itself. */
      readonly gateway: string | undefined;
      /** The address that this machine would send from. */
      readonly source: string | undefined;
      /** What the route allows in bytes, where it says so itself or has learnt it; else the interface's counts. */
      readonly mtu: number | undefined;
    }
  | { readonly type: "unreachable"; readonly errnoName: string };

/** What the kernel answers for no route, an unreachable, a prohibit and a blackhole route (net/ipv4/fib_semantics.c,
 * fib_props). */
const NO_ROUTE: readonly number[] = [Errno.ENETUNREACH, Errno.EHOSTUNREACH, Errno.EACCES, Errno.EINVAL];

/** Asks where a packet to `address` would go. */
export function routeTo(address: string): Route {
  const destination = addressBytes(address);
  const fixed = new Uint8Array(FIXED_SIZE);
  fixed[0] = familyOf(destination);
  fixed[1] = destination.length * 8;
  const attributes = [{ type: RTA.DST, value: destination }];
  try {
    const [answer] = askRoute({
      type: RTM_GETROUTE,
      fixed,
      attributes,
      dump: false,
      doing: `asking the way to ${address}`,
    });
    if (answer === undefined) throw new Error(`asking the way to ${address}: the kernel answered nothing`);
    const found = new Attributes(answer.payload, FIXED_SIZE);
    const gateway = found.bytes(RTA.GATEWAY);
    const source = found.bytes(RTA.PREFSRC);
    const type = ROUTE_TYPES.get(answer.payload.getUint8(7));
    if (type === undefined) return { type: "unreachable", errnoName: "EHOSTUNREACH" };
    return {
      type,
      interfaceIndex: found.u32(RTA.OIF) ?? 0,
      gateway: gateway && addressText(gateway),
      source: source && addressText(source),
      mtu: found.nested(RTA.METRICS)?.u32(RTAX_MTU),
    };
  } catch (error) {
    if (!(error instanceof SyscallError) || error.command !== "netlink" || !NO_ROUTE.includes(error.errno)) throw error;
    return { type: "unreachable", errnoName: error.errnoName };
  }
}
