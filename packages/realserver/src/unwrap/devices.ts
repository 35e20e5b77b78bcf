// Unwrapping by the kernel's own tunnel devices, where it is asked for (`--unwrap kernel`) and the kernel has them: one
// for each director and kind, because a device takes packets of one remote address. GUE is not among them: it needs a
// socket besides (`ip fou`), and GRE is taken without checksum and key only (ip_tunnel_rcv, net/ipv4/ip_tunnel.c).
import { addressBytes } from "@yardmaster/packet";
import { addLink, Errno, findLink, type NewLink, removeLink, SyscallError } from "@yardmaster/linux";
import { RealServerError } from "../errors.ts";

// include/uapi/linux/if_tunnel.h
const IFLA_IPTUN_REMOTE = 3;
const IFLA_GRE_REMOTE = 7;

/** Kinds of devices by the family of the director, with what each takes out of IPv4 or IPv6. */
const KINDS = {
  4: [
    { kind: "ipip", remote: IFLA_IPTUN_REMOTE },
    { kind: "sit", remote: IFLA_IPTUN_REMOTE },
    { kind: "gre", remote: IFLA_GRE_REMOTE },
  ],
  6: [
    { kind: "ip6tnl", remote: IFLA_IPTUN_REMOTE },
    { kind: "ip6gre", remote: IFLA_GRE_REMOTE },
  ],
} as const;

/** A device to be made. */
export interface TunnelDevice {
  /** At most 15 characters. */
  readonly name: string;
  readonly kind: string;
  readonly director: string;
}

/** The devices for directors, numbered as these are. */
export function devicesFor(directors: readonly string[]): readonly TunnelDevice[] {
  return directors.flatMap((director, index) =>
    KINDS[director.includes(":") ? 6 : 4].map(({ kind }) => ({ name: `ymrs-${kind}${index}`, kind, director })),
  );
}

/** Makes a device and brings it up. Throws a RealServerError where the kernel does not have its kind. */
export function makeDevice({ name, kind, director }: TunnelDevice): void {
  try {
    addLink({ name, kind, data: [{ type: remoteOf(kind), value: addressBytes(director) }] } satisfies NewLink);
  } catch (cause) {
    if (!(cause instanceof SyscallError) || cause.errno !== Errno.EOPNOTSUPP) throw cause;
    const advice = "leave out --unwrap kernel: the unwrapper of our own needs no device";
    const message = `making tunnel device "${name}": this kernel has no devices of kind ${kind}; ${advice}`;
    throw new RealServerError("YM_REALSERVER_INTERFACE", message, { cause });
  }
}

/** Removes a device. One that is gone is no error. */
export function removeDevice(name: string): void {
  const index = findLink(name)?.index;
  if (index !== undefined) removeLink(index);
}

function remoteOf(kind: string): number {
  return [...KINDS[4], ...KINDS[6]].find((each) => each.kind === kind)?.remote ?? IFLA_IPTUN_REMOTE;
}
